#include "client/input.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 64 * 1024 };

/* Waits until `fd` is ready, or has something to complain about. False: the connection is closed.*/
static bool wait_for(yodel_input *in, int fd, short events)
{
    struct pollfd fds[] = {
        {.fd = yodel_completion_fd(in->closed), .events = POLLIN},
        {.fd = fd, .events = events},
    };

    while (poll(fds, 2, -1) < 0) {
        /* a signal; poll has no other reason to fail here that would not pass */
    }
    return fds[0].revents == 0;
}

/* False: there is no point in going on. */
static bool send_all(yodel_input *in, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(in->socket, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n >= 0) {
            data += n;
            len -= (size_t)n;
        } else if (errno == EAGAIN) {
            if (!wait_for(in, in->socket, POLLOUT)) {
                return false;
            }
        } else if (errno != EINTR) {
            in->send_error = -errno;
            /* The reader still gets what has arrived, but need not wait for more. */
            shutdown(in->socket, SHUT_RDWR);
            return false;
        }
    }
    return true;
}

/* The number of bytes, 0 at the end of input; -ECANCELED: the connection is closed. */
static ssize_t read_some(yodel_input *in, uint8_t *data, size_t len)
{
    for (;;) {
        if (!wait_for(in, in->source, POLLIN)) {
            return -ECANCELED;
        }
        ssize_t n = read(in->source, data, len);
        if (n >= 0) {
            return n;
        }
        if (errno != EAGAIN && errno != EINTR) {
            return -errno;
        }
    }
}

void *yodel_input_run(void *input)
{
    yodel_input *in = input;
    uint8_t data[CHUNK], converted[YODEL_CRLF_ROOM(CHUNK)];
    ssize_t n;

    yodel_crlf_init(&in->crlf);
    while ((n = read_some(in, data, sizeof data)) > 0) {
        in->cut =
            !send_all(in, converted, yodel_crlf_convert(&in->crlf, data, (size_t)n, converted));
        if (in->cut) {
            return NULL;
        }
    }
    if (n == -ECANCELED) {
        in->cut = in->crlf.begun;
        return NULL;
    }
    in->read_error = (int)n;
    in->cut = !send_all(in, converted, yodel_crlf_finish(&in->crlf, converted));
    if (!in->cut) {
        shutdown(in->socket, SHUT_WR);
        in->ended = true;
    }
    return NULL;
}
