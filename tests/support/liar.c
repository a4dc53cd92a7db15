#include "tests/support/liar.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "core/clock.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/liar_internal.h"
#include "tests/support/program.h"
#include "tests/support/threads.h"

enum { EVENTS = 64, BACKLOG = 4096, LONGEST_ANSWER = 64 * 1024 * 1024 };

/* Those that run: for the teardown. */
static liar *all_liars;

void liar_must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "liar: %s: %s\n", what, strerror(errno));
        abort();
    }
}

/* --- its thread --------------------------------------------------------------------------------*/

static void accept_all(liar *l)
{
    for (;;) {
        int fd = accept4(l->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            liar_connection_new(l, fd);
        } else if (errno == EAGAIN) {
            return;
        } else {
            liar_must(errno == EINTR || errno == ECONNABORTED, "accept");
        }
    }
}

static void happened(liar_connection *c, uint32_t events)
{
    if (c->fd < 0) {
        return; /* closed in this turn */
    }
    /* A reset, or both ends have said their FIN and there is nothing more to read. */
    if ((events & EPOLLERR) != 0 || (events & (EPOLLHUP | EPOLLIN)) == EPOLLHUP) {
        liar_close(c);
    } else if ((events & EPOLLIN) != 0) {
        liar_readable(c);
    } else {
        liar_flush(c);
    }
}

/* What has waited for this instant. */
static void flush_due(liar *l)
{
    yodel_list *item, *next;
    uint64_t expired;

    (void)!read(l->timer, &expired, sizeof expired); /* it may have been set again since */
    l->timer_set = UINT64_MAX;
    yodel_list_for_each_safe(item, next, &l->connections)
    {
        liar_connection *c = yodel_container_of(item, liar_connection, node);
        if (liar_next_due(c) <= l->now) {
            liar_flush(c);
        }
    }
}

/* To when something is due next. */
static void set_timer(liar *l)
{
    yodel_list *item, *next;
    uint64_t at = l->pause_at;

    yodel_list_for_each_safe(item, next, &l->connections)
    {
        uint64_t due = liar_next_due(yodel_container_of(item, liar_connection, node));
        at = due < at ? due : at;
    }
    if (at != l->timer_set) {
        uint64_t set = at == UINT64_MAX ? 0 : at; /* 0: none */
        struct itimerspec when = {.it_value = {.tv_sec = (time_t)(set / YODEL_NS_PER_SEC),
                                               .tv_nsec = (long)(set % YODEL_NS_PER_SEC)}};
        liar_must(timerfd_settime(l->timer, TFD_TIMER_ABSTIME, &when, NULL) == 0, "timerfd");
        l->timer_set = at;
    }
}

/* Stands still, unless it is to be stopped. */
static void pause_now(liar *l)
{
    struct pollfd wake = {.fd = l->wake, .events = POLLIN};

    l->pause_at = UINT64_MAX;
    (void)poll(&wake, 1, (int)(l->options.pause_for * 1000));
    l->now = yodel_clock_now();
}

static void free_dead(liar *l)
{
    yodel_list *node;

    while ((node = yodel_list_first(&l->dead)) != NULL) {
        liar_connection_free(yodel_container_of(node, liar_connection, node));
    }
}

static void close_all(liar *l)
{
    yodel_list *item, *next;
    struct linger now = {.l_onoff = 1};

    yodel_list_for_each_safe(item, next, &l->connections)
    {
        liar_connection *c = yodel_container_of(item, liar_connection, node);
        (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        liar_close(c);
    }
    free_dead(l);
}

static void *serve(void *arg)
{
    liar *l = arg;
    struct epoll_event events[EVENTS];

    for (bool stopping = false; !stopping;) {
        set_timer(l);
        int n = epoll_wait(l->epoll, events, EVENTS, -1);
        liar_must(n >= 0 || errno == EINTR, "epoll_wait");
        l->now = yodel_clock_now();
        if (l->now >= l->pause_at) {
            pause_now(l);
        }
        for (int i = 0; i < n; i++) {
            void *what = events[i].data.ptr;
            if (what == &l->wake) {
                stopping = true;
            } else if (what == &l->timer) {
                flush_due(l);
            } else if (what == &l->listener) {
                accept_all(l);
            } else {
                happened(what, events[i].events);
            }
        }
        free_dead(l);
    }
    close_all(l);
    return NULL;
}

/* --- for the test ------------------------------------------------------------------------------*/

/* Events of this descriptor come with its address. */
static void watch(liar *l, int *fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = fd};

    assert_return_code(epoll_ctl(l->epoll, EPOLL_CTL_ADD, *fd, &event), errno);
}

static void listen_on_loopback_port(liar *l)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;

    l->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_return_code(l->listener, errno);
    assert_return_code(bind(l->listener, (struct sockaddr *)&address, len), errno);
    assert_return_code(getsockname(l->listener, (struct sockaddr *)&address, &len), errno);
    l->port = ntohs(address.sin_port);
    if (!l->options.refuses) {
        assert_return_code(listen(l->listener, BACKLOG), errno);
    }
    if (!l->options.refuses && !l->options.never_accepts) {
        watch(l, &l->listener);
    }
}

static void copy_rules(liar *l)
{
    const liar_rule *rules = l->options.rules;

    for (size_t i = 0; rules != NULL && rules[i].lie != LIAR_NOTHING; i++) {
        assert_true(i + 1 < LIAR_MOST_RULES);
        l->rules[i] = rules[i];
    }
}

/* Nothing has happened yet. */
static void forget_all(liar *l)
{
    memset(l->followed, 0, sizeof l->followed);
    l->timer_set = 0; /* anything: it will be set */
    l->pause_at = UINT64_MAX;
    l->number = 0;
    l->all_deaf = false;
    l->said_first = false;
    atomic_store(&l->accepted, 0);
    atomic_store(&l->closed, 0);
    atomic_store(&l->lines, 0);
    atomic_store(&l->answers, 0);
    for (liar_lie lie = 0; lie < LIAR_LIES; lie++) {
        atomic_store(&l->did[lie], 0);
    }
}

liar *liar_start(const liar_options *options)
{
    liar *l = calloc(1, sizeof *l);

    assert_non_null(l);
    l->next = all_liars;
    all_liars = l;
    if (options != NULL) {
        l->options = *options;
        copy_rules(l);
    }
    forget_all(l);
    yodel_list_init(&l->connections);
    yodel_list_init(&l->dead);
    yodel_buffer_init(&l->answer, LONGEST_ANSWER);
    yodel_buffer_init(&l->exchanged, LONGEST_ANSWER);
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    l->wake = eventfd(0, EFD_CLOEXEC);
    assert_return_code(l->epoll, errno);
    assert_return_code(l->timer, errno);
    assert_return_code(l->wake, errno);
    watch(l, &l->timer);
    watch(l, &l->wake);
    listen_on_loopback_port(l);
    assert_int_equal(pthread_create(&l->thread, NULL, serve, l), 0);
    return l;
}

uint16_t liar_port(const liar *l)
{
    return l->port;
}

liar_counts liar_look(liar *l)
{
    liar_counts counts = {
        .closed = atomic_load(&l->closed), /* first: then it is never more than accepted */
        .accepted = atomic_load(&l->accepted),
        .lines = atomic_load(&l->lines),
        .answers = atomic_load(&l->answers),
    };

    for (liar_lie lie = 0; lie < LIAR_LIES; lie++) {
        counts.did[lie] = atomic_load(&l->did[lie]);
    }
    return counts;
}

static bool all_are_closed(void *arg)
{
    liar_counts counts = liar_look(arg);

    return counts.accepted > 0 && counts.closed == counts.accepted;
}

liar_counts liar_wait_closed(liar *l)
{
    wait_until(all_are_closed, l, "the liar has closed all connections");
    return liar_look(l);
}

/* Its thread closes all connections and ends. */
static void stop_thread(liar *l)
{
    uint64_t one = 1;

    assert_int_equal(write(l->wake, &one, sizeof one), sizeof one);
    pthread_join(l->thread, NULL);
}

liar_counts liar_again(liar *l)
{
    uint64_t wakes;

    stop_thread(l);
    liar_counts counts = liar_look(l);
    assert_int_equal(read(l->wake, &wakes, sizeof wakes), sizeof wakes);
    forget_all(l);
    assert_int_equal(pthread_create(&l->thread, NULL, serve, l), 0);
    return counts;
}

liar_counts liar_stop(liar *l)
{
    liar **link = &all_liars;

    stop_thread(l);
    liar_counts counts = liar_look(l);
    while (*link != l) {
        link = &(*link)->next;
    }
    *link = l->next;
    close(l->listener);
    close(l->wake);
    close(l->timer);
    close(l->epoll);
    yodel_buffer_free(&l->answer);
    yodel_buffer_free(&l->exchanged);
    free(l);
    return counts;
}

int liar_teardown(void **state)
{
    int result = program_teardown(state);

    while (all_liars != NULL) {
        liar_stop(all_liars);
    }
    return result;
}
