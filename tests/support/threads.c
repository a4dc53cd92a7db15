#include "tests/support/threads.h"

#include <dirent.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "tests/support/cmocka_all.h"

void wait_until(bool (*condition)(void *arg), void *arg, const char *what)
{
    uint64_t deadline = yodel_clock_after(NET_TIMEOUT);
    while (!condition(arg)) {
        if (yodel_clock_now() > deadline) {
            fail_msg("did not happen in %.0f s: %s", NET_TIMEOUT, what);
        }
        usleep(1000);
    }
}

typedef struct wanted {
    const yodel_counters *counters;
    yodel_counter counter;
    uint64_t value;
} wanted;

static bool has_value(void *arg)
{
    const wanted *w = arg;
    return yodel_counters_get(w->counters, w->counter) == w->value;
}

void wait_counter(const yodel_counters *counters, yodel_counter counter, uint64_t value)
{
    wanted w = {counters, counter, value};
    wait_until(has_value, &w, yodel_counter_name(counter));
}

void wait_readable(int fd, const char *what)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, (int)(NET_TIMEOUT * 1000)) != 1) {
        fail_msg("did not happen in %.0f s: %s", NET_TIMEOUT, what);
    }
}

size_t count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t n = 0;
    assert_non_null(dir);
    while (readdir(dir) != NULL) {
        n++;
    }
    closedir(dir);
    return n - 3; /* ".", ".." and the directory's own */
}

yodel_listener listen_on_loopback(int backlog)
{
    yodel_address *list;
    size_t count;
    yodel_listener listener;
    assert_int_equal(yodel_address_resolve("127.0.0.1", "0", &list, &count), 0);
    assert_int_equal(yodel_listener_open(list, backlog, 0, &listener), 0);
    free(list);
    return listener;
}

void expect_echo(int client, const char *text)
{
    net_send_text(client, text);
    net_expect_text(client, text);
}

static void keep_line(yodel_log *base, yodel_log_level level, const char *msg, size_t len)
{
    threads_log *log = (threads_log *)(void *)base;
    pthread_mutex_lock(&log->lock);
    /* Not with net_text_add, which asserts: this may be any thread. */
    char *text = realloc(log->text.data, log->text.len + len + 2);
    if (text != NULL) {
        memcpy(text + log->text.len, msg, len);
        memcpy(text + log->text.len + len, "\n", 2);
        log->text.data = text;
        log->text.len += len + 1;
    }
    log->lines++;
    log->errors += level == YODEL_LOG_ERROR;
    pthread_mutex_unlock(&log->lock);
}

void threads_log_init(threads_log *log)
{
    *log = (threads_log){.log = {.level = YODEL_LOG_INFO, .sink = keep_line}};
    assert_int_equal(pthread_mutex_init(&log->lock, NULL), 0);
}

void threads_log_free(threads_log *log)
{
    pthread_mutex_destroy(&log->lock);
    net_text_free(&log->text);
}

size_t threads_log_count(threads_log *log, const char *text)
{
    size_t n = 0;
    pthread_mutex_lock(&log->lock);
    const char *line = log->text.data;
    while (line != NULL && *line != '\0') {
        const char *end = strchr(line, '\n');
        n += memmem(line, (size_t)(end - line), text, strlen(text)) != NULL;
        line = end + 1;
    }
    pthread_mutex_unlock(&log->lock);
    return n;
}
