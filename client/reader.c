#include "client/reader.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/visible.h"
#include "core/clock.h"
#include "core/error.h"
#include "proto/framing.h"

enum {
    CHUNK = 64 * 1024,
    SLICE = 8 * 1024, /* translated at once for a terminal, to which nobody pipes gigabytes */
};

/*
 * What is received lies behind one byte of room: when a piece ends in CR, that CR is put there
 * before the next piece comes, so that framing sees the two halves of a CRLF side by side. Lines
 * are only counted, hence nothing more of an incomplete one has to be kept.
 */
typedef struct pieces {
    uint8_t memory[1 + CHUNK];
    bool cr_before;
} pieces;

static uint64_t count_lines(pieces *p, size_t len)
{
    const uint8_t *data = p->memory + (p->cr_before ? 0 : 1);
    const uint8_t *end = p->memory + 1 + len;
    yodel_framing framing;
    uint64_t lines = 0;
    size_t line_len;
    ssize_t n;

    yodel_framing_init(&framing, "\r\n", 2, 2 * CHUNK);
    while ((n = yodel_framing_next(&framing, data, (size_t)(end - data), &line_len)) > 0) {
        data += n;
        lines++;
    }
    p->cr_before = end[-1] == '\r';
    if (p->cr_before) {
        p->memory[0] = '\r';
    }
    return lines;
}

/* 0 or a negated errno. */
static int write_all(int fd, const void *data, size_t len)
{
    const char *at = data;

    while (len > 0) {
        ssize_t n = write(fd, at, len);

        if (n >= 0) {
            at += n;
            len -= (size_t)n;
        } else if (errno == EAGAIN) {
            /* Whoever shares the terminal or pipe with us made it non-blocking. */
            poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

static int write_visible(int fd, yodel_visible *v, const uint8_t *data, size_t len)
{
    char text[YODEL_VISIBLE_ROOM(SLICE)];

    for (size_t n; len > 0; data += n, len -= n) {
        n = len < SLICE ? len : SLICE;
        int error = write_all(fd, text, yodel_visible_translate(v, data, n, text));
        if (error < 0) {
            return error;
        }
    }
    return 0;
}

/* The number of bytes, or why there will be no more. */
static ssize_t receive(yodel_reader *r, uint8_t *data, size_t len)
{
    ssize_t n;

    atomic_store(&r->waiting_since, yodel_clock_now());
    do {
        n = recv(r->socket, data, len, 0);
    } while (n < 0 && errno == EINTR);
    atomic_store(&r->waiting_since, 0);
    if (n < 0) {
        return -errno;
    }
    return n > 0 ? n : YODEL_EOF;
}

void *yodel_reader_run(void *reader)
{
    yodel_reader *r = reader;
    pieces p = {.cr_before = false};
    yodel_visible v;
    ssize_t n;

    yodel_visible_init(&v);
    while ((n = receive(r, p.memory + 1, CHUNK)) > 0) {
        r->answers += count_lines(&p, (size_t)n);
        r->output_error = r->visible ? write_visible(r->output, &v, p.memory + 1, (size_t)n)
                                     : write_all(r->output, p.memory + 1, (size_t)n);
        if (r->output_error < 0) {
            yodel_completion_complete(r->closed, -ECANCELED);
            return NULL;
        }
    }
    if (r->visible) {
        char rest[YODEL_VISIBLE_ROOM(0)];

        r->output_error = write_all(r->output, rest, yodel_visible_finish(&v, rest));
    }
    yodel_completion_complete(r->closed, (int)n);
    return NULL;
}
