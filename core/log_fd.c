#include "core/log_fd.h"

#include "core/log_text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *const capitals[] = {
    [YODEL_LOG_ERROR] = "ERROR",
    [YODEL_LOG_WARNING] = "WARNING",
    [YODEL_LOG_INFO] = "INFO",
    [YODEL_LOG_DEBUG] = "DEBUG",
};

/* syslog(3) */
static const int priorities[] = {
    [YODEL_LOG_ERROR] = 3,
    [YODEL_LOG_WARNING] = 4,
    [YODEL_LOG_INFO] = 6,
    [YODEL_LOG_DEBUG] = 7,
};

/* Adds what certainly fits. */
__attribute__((format(printf, 2, 3))) static void put_printf(yodel_log_text *t, const char *fmt,
                                                             ...)
{
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(t->out + t->len, t->size - t->len, fmt, args);
    va_end(args);
    if (n > 0) {
        t->len += (size_t)n;
    }
}

enum { TIME_TEXT = sizeof "2026-11-21T03:40:34.123Z" };

static void format_time(char out[TIME_TEXT])
{
    struct timespec now;
    struct tm utc;
    size_t n;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    n = strftime(out, TIME_TEXT, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out + n, TIME_TEXT - n, ".%03uZ", (unsigned)(now.tv_nsec / 1000000) % 1000U);
}

/* Adds one whole line. A message that does not fit is cut, so that the end of the line does. */
static void add_line(const yodel_log_fd *log, yodel_log_text *line, yodel_log_level level,
                     const char *msg, size_t len)
{
    bool json = log->format == YODEL_LOG_JSON;
    const char *end = json ? "\"}\n" : "\n";
    const uint8_t *bytes = (const uint8_t *)msg;
    char now[TIME_TEXT];
    yodel_log_text body;
    bool room = true;

    format_time(now);
    if (json) {
        put_printf(line, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":\"", now,
                   yodel_log_level_name(level));
    } else if (log->journal) {
        put_printf(line, "<%d>", priorities[level]);
    } else {
        put_printf(line, "%s %s ", now, capitals[level]);
    }

    body = (yodel_log_text){.out = line->out + line->len,
                            .size = line->size - line->len - strlen(end)};
    for (size_t i = 0; i < len && room;) {
        char unit[YODEL_LOG_UNIT];
        size_t n;

        i += yodel_log_unit(json, bytes + i, len - i, unit, &n);
        room = yodel_log_text_put(&body, unit, n);
    }
    line->len += body.len;
    yodel_log_text_put(line, end, strlen(end));
}

/*
 * Writes without waiting; returns how much went, 0 for nothing. poll and then write, because
 * O_NONBLOCK on the fd we were given would change it for everybody who shares it, the user's shell
 * included. A pipe that polls as writable takes up to PIPE_BUF bytes whole; a regular file is
 * always writable.
 */
static size_t write_now(int fd, const char *data, size_t len)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    ssize_t n;

    if (poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) {
        return 0;
    }
    do {
        n = write(fd, data, len);
    } while (n < 0 && errno == EINTR);
    return n > 0 ? (size_t)n : 0;
}

static void write_line(yodel_log *base, yodel_log_level level, const char *msg, size_t len)
{
    yodel_log_fd *log = (yodel_log_fd *)base;
    char out[PIPE_BUF];
    yodel_log_text lines = {.out = out, .size = sizeof out};
    size_t written;

    /* From here on, not only for the write: time stamps ascend in the order of the lines. */
    pthread_mutex_lock(&log->mutex);
    if (log->torn) {
        yodel_log_text_put(&lines, "\n", 1);
    }
    if (log->lost > log->lost_told) {
        char notice[64];
        uint64_t news = log->lost - log->lost_told;
        int n = snprintf(notice, sizeof notice, "%" PRIu64 " log line%s lost", news,
                         news == 1 ? "" : "s");

        add_line(log, &lines, YODEL_LOG_WARNING, notice, (size_t)n);
    }
    add_line(log, &lines, level, msg, len);
    written = write_now(log->terminal >= 0 ? log->terminal : log->fd, lines.out, lines.len);
    if (written == lines.len) {
        log->lost_told = log->lost;
        log->torn = false;
    } else {
        log->lost++;
        log->torn = log->torn || written > 0;
    }
    pthread_mutex_unlock(&log->mutex);
}

/*
 * A terminal that nobody reads (a stopped window, a dead ssh) polls as writable as long as there is
 * room for one byte, and makes a write that needs more wait. So a terminal is opened once more, for
 * an open file description of our own that can be O_NONBLOCK. -1 if it is none, or cannot be
 * opened.
 */
static int reopen_terminal(int fd)
{
    char path[64];

    if (!isatty(fd)) {
        return -1;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static bool is_journal(int fd)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char own[64];
    struct stat st;

    if (stream == NULL || fstat(fd, &st) != 0) {
        return false;
    }
    snprintf(own, sizeof own, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return strcmp(stream, own) == 0;
}

int yodel_log_fd_init(yodel_log_fd *log, int fd, yodel_log_level level, yodel_log_format format)
{
    pthread_mutex_t mutex;
    int error = pthread_mutex_init(&mutex, NULL);

    if (error != 0) {
        return -error;
    }
    *log = (yodel_log_fd){
        .log = {.level = level, .sink = write_line},
        .mutex = mutex,
        .fd = fd,
        .terminal = reopen_terminal(fd),
        .format = format,
        .journal = is_journal(fd),
    };
    return 0;
}

void yodel_log_fd_destroy(yodel_log_fd *log)
{
    if (log == NULL) {
        return;
    }
    if (log->terminal >= 0) {
        close(log->terminal);
    }
    pthread_mutex_destroy(&log->mutex);
}

uint64_t yodel_log_fd_lost(yodel_log_fd *log)
{
    uint64_t lost;

    pthread_mutex_lock(&log->mutex);
    lost = log->lost;
    pthread_mutex_unlock(&log->mutex);
    return lost;
}

int yodel_log_format_parse(const char *text, yodel_log_format *format)
{
    if (strcmp(text, "text") == 0) {
        *format = YODEL_LOG_TEXT;
    } else if (strcmp(text, "json") == 0) {
        *format = YODEL_LOG_JSON;
    } else {
        return -EINVAL;
    }
    return 0;
}
