#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "tests/support/liar_internal.h"

/* More than this is not kept for a client that does not read: then it is not read, either. */
enum { MOST_WAITING = 1024 * 1024, BUFFER_LIMIT = 256 * 1024 * 1024 };

static void set_option(int fd, int level, int name, const void *value, socklen_t len)
{
    liar_must(setsockopt(fd, level, name, value, len) == 0, "setsockopt");
}

/* --- what to send ------------------------------------------------------------------------------*/

static liar_piece *piece_at(liar_connection *c, size_t i)
{
    return &c->pieces[c->first + i];
}

static size_t piece_count(const liar_connection *c)
{
    return c->count - c->first;
}

static liar_piece *add_piece(liar_connection *c, const liar_piece *how)
{
    if (c->count == c->room) {
        if (c->first > c->room / 2) {
            memmove(c->pieces, c->pieces + c->first, piece_count(c) * sizeof *c->pieces);
            c->count -= c->first;
            c->first = 0;
        } else {
            size_t room = c->room == 0 ? 8 : c->room * 2;
            liar_piece *pieces = realloc(c->pieces, room * sizeof *pieces);
            liar_must(pieces != NULL, "memory");
            c->pieces = pieces;
            c->room = room;
        }
    }
    c->pieces[c->count] = *how;
    c->pieces[c->count].len = 0;
    return &c->pieces[c->count++];
}

void liar_say(liar_connection *c, const liar_piece *how, const void *data, size_t len)
{
    liar_piece *last = piece_count(c) > 0 ? &c->pieces[c->count - 1] : NULL;

    if (last == NULL || last->due != how->due || last->drip != how->drip ||
        last->then != LIAR_NOTHING || last->waits || how->waits) {
        last = add_piece(c, how);
    }
    last->then = how->then;
    last->len += len;
    liar_must(yodel_buffer_append(&c->out, data, len) == 0, "room for answers");
}

void liar_fill(liar_connection *c, const void *data, size_t len)
{
    size_t at = 0, i = 0;

    while (!piece_at(c, i)->waits) {
        at += piece_at(c, i++)->len;
    }
    piece_at(c, i)->waits = false;
    piece_at(c, i)->len = len;
    liar_must(yodel_buffer_reserve(&c->out, len) == 0, "room for answers");
    char *place = (char *)yodel_buffer_data(&c->out) + at;
    memmove(place + len, place, yodel_buffer_len(&c->out) - at);
    memcpy(place, data, len);
    yodel_buffer_commit(&c->out, len);
}

static void forget_pieces(liar_connection *c)
{
    c->first = c->count = 0;
    yodel_buffer_free(&c->out);
}

/* --- sending -----------------------------------------------------------------------------------*/

/* Which events matter now. */
static void watch(liar_connection *c)
{
    bool full = yodel_buffer_len(&c->out) > MOST_WAITING;
    uint32_t events =
        (c->deaf || c->eof || full ? 0 : (uint32_t)EPOLLIN) | (c->blocked ? (uint32_t)EPOLLOUT : 0);

    if (events != c->watching) {
        struct epoll_event event = {.events = events, .data.ptr = c};
        liar_must(epoll_ctl(c->liar->epoll, EPOLL_CTL_MOD, c->fd, &event) == 0, "epoll_ctl");
        c->watching = events;
    }
}

static void finish(liar_connection *c)
{
    c->finished = true;
    c->ended = true;
    forget_pieces(c);
    (void)shutdown(c->fd, SHUT_WR); /* the client may have reset it */
}

static void reset(liar_connection *c)
{
    struct linger now = {.l_onoff = 1};

    set_option(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    liar_close(c);
}

/* A piece is sent: what comes with its end. False when the connection is done with. */
static bool piece_is_sent(liar_connection *c, liar_piece *piece)
{
    int waiting = 0;

    switch (piece->then) {
    case LIAR_FINISH:
        finish(c);
        return false;
    case LIAR_RESET:
        /* A reset overtakes what the client's kernel does not have yet. */
        if (ioctl(c->fd, SIOCOUTQ, &waiting) == 0 && waiting > 0) {
            piece->due = c->liar->now + YODEL_NS_PER_SEC / 1000;
        } else {
            reset(c);
        }
        return false;
    default:
        if (++c->first == c->count) {
            c->first = c->count = 0;
        }
        return true;
    }
}

/* Sends of the first piece what goes; false when it does not go on for now. */
static bool send_some(liar_connection *c, liar_piece *piece)
{
    size_t len = piece->drip ? 1 : piece->len;
    ssize_t n = send(c->fd, yodel_buffer_data(&c->out), len, MSG_NOSIGNAL);

    if (n < 0) {
        if (errno == EAGAIN) {
            c->blocked = true;
        } else if (errno != EINTR) {
            liar_close(c);
        }
        return errno == EINTR;
    }
    yodel_buffer_consume(&c->out, (size_t)n);
    piece->len -= (size_t)n;
    return true;
}

void liar_flush(liar_connection *c)
{
    bool more = c->fd >= 0;

    c->blocked = false;
    while (more && piece_count(c) > 0) {
        liar_piece *piece = piece_at(c, 0);
        if (piece->waits || piece->due > c->liar->now) {
            break;
        }
        more = piece->len > 0 ? send_some(c, piece) : piece_is_sent(c, piece);
    }
    if (c->fd >= 0 && c->eof && !c->stays && piece_count(c) == 0) {
        liar_close(c);
    }
    if (c->fd >= 0) {
        watch(c);
    }
}

uint64_t liar_next_due(const liar_connection *c)
{
    if (c->first == c->count || c->blocked || c->pieces[c->first].waits) {
        return UINT64_MAX;
    }
    return c->pieces[c->first].due;
}

/* --- receiving ---------------------------------------------------------------------------------*/

/* Answers the lines in these bytes; returns how many bytes they are. */
static size_t answer_lines(liar_connection *c, const char *data, size_t len)
{
    const char *line = data, *end = data + len, *cr;

    while (!c->ended && !c->deaf && (cr = memmem(line, (size_t)(end - line), "\r\n", 2)) != NULL) {
        liar_answer(c, line, (size_t)(cr - line));
        line = cr + 2;
    }
    return c->ended || c->deaf ? len : (size_t)(line - data);
}

static void received(liar_connection *c, const char *data, size_t len)
{
    if (yodel_buffer_len(&c->in) > 0) {
        liar_must(yodel_buffer_append(&c->in, data, len) == 0, "room for a line");
        yodel_buffer_consume(&c->in, answer_lines(c, (const char *)yodel_buffer_data(&c->in),
                                                  yodel_buffer_len(&c->in)));
    } else {
        size_t taken = answer_lines(c, data, len);
        liar_must(yodel_buffer_append(&c->in, data + taken, len - taken) == 0, "room for a line");
    }
}

void liar_readable(liar_connection *c)
{
    ssize_t n = recv(c->fd, c->liar->input, sizeof c->liar->input, 0);

    if (n > 0) {
        received(c, c->liar->input, (size_t)n);
    } else if (n == 0) {
        c->eof = true;
        liar_answer_rest(c);
    } else if (errno != EAGAIN && errno != EINTR) {
        liar_close(c);
    }
    liar_flush(c);
}

/* --- its life ----------------------------------------------------------------------------------*/

void liar_connection_new(liar *l, int fd)
{
    liar_connection *c = calloc(1, sizeof *c);
    const liar_rule *rule;
    int on = 1;

    liar_must(c != NULL, "memory");
    *c = (liar_connection){.liar = l, .fd = fd, .number = ++l->number, .deaf = l->all_deaf};
    yodel_buffer_init(&c->in, BUFFER_LIMIT);
    yodel_buffer_init(&c->out, BUFFER_LIMIT);
    yodel_buffer_init(&c->held, BUFFER_LIMIT);
    yodel_list_init(&c->node);
    yodel_list_push_back(&l->connections, &c->node);
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = 0, .data.ptr = c};
    liar_must(epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
    atomic_fetch_add(&l->accepted, 1);

    c->stays = liar_rule_for(c, LIAR_STAY) != NULL;
    if ((rule = liar_rule_for(c, LIAR_GREET)) != NULL) {
        liar_say(c, &(liar_piece){0}, rule->text, strlen(rule->text));
    }
    if (liar_rule_for(c, LIAR_SLAM) != NULL) {
        liar_say(c, &(liar_piece){.then = LIAR_FINISH}, "", 0);
    }
    liar_flush(c);
}

void liar_close(liar_connection *c)
{
    liar *l = c->liar;

    close(c->fd);
    c->fd = -1;
    forget_pieces(c);
    liar_forget_answers(c);
    yodel_list_remove(&c->node);
    yodel_list_push_back(&l->dead, &c->node);
    atomic_fetch_add(&l->closed, 1);
}

void liar_connection_free(liar_connection *c)
{
    yodel_list_remove(&c->node);
    yodel_buffer_free(&c->in);
    yodel_buffer_free(&c->out);
    yodel_buffer_free(&c->held);
    free(c->pieces);
    free(c);
}
