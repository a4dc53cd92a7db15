#include "tests/support/piped_log.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"

void piped_log_open(piped_log *p, yodel_log_format format)
{
    int fds[2];

    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    p->read_end = fds[0];
    p->write_end = fds[1];
    assert_int_equal(yodel_log_fd_init(&p->log, p->write_end, YODEL_LOG_DEBUG, format), 0);
}

void piped_log_close(piped_log *p)
{
    yodel_log_fd_destroy(&p->log);
    if (p->read_end >= 0) {
        close(p->read_end);
    }
    if (p->write_end >= 0) {
        close(p->write_end);
    }
}

const char *piped_log_drain(piped_log *p)
{
    static char text[1 << 20];
    size_t len = 0;
    ssize_t n;

    while ((n = read(p->read_end, text + len, sizeof text - 1 - len)) > 0) {
        len += (size_t)n;
    }
    assert_true(n < 0 && errno == EAGAIN);
    text[len] = '\0';
    return text;
}

/* A 'd' in the pattern stands for a digit. */
const char *expect_time(const char *text)
{
    for (const char *p = "dddd-dd-ddTdd:dd:dd.dddZ"; *p != '\0'; p++, text++) {
        if (*p == 'd') {
            assert_true(isdigit((unsigned char)*text));
        } else {
            assert_int_equal(*text, *p);
        }
    }
    return text;
}

const char *expect_text(const char *text, const char *expected)
{
    assert_int_equal(strncmp(text, expected, strlen(expected)), 0);
    return text + strlen(expected);
}

void piped_log_fill(piped_log *p)
{
    uint64_t lost = yodel_log_fd_lost(&p->log);

    while (yodel_log_fd_lost(&p->log) == lost) {
        yodel_log_write(&p->log.log, YODEL_LOG_INFO, "filling %s",
                        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    }
}
