#include "core/log.h"

#include "core/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- text of bounded length ------------------------------------------------------------------ */

/* Text that grows up to `size` bytes, and ends in "..." when something did not fit. */
typedef struct bounded {
    char *out;
    size_t size;
    size_t len;
    size_t cut; /* the last length after which there was room for the dots */
} bounded;

/* Adds the `n` bytes of one unit, an escape or a character, whole. When they do not fit the text is
 * finished, and false is returned. */
static bool put(bounded *t, const char *unit, size_t n)
{
    if (n > t->size - t->len) {
        size_t room = t->size - t->cut;
        size_t dots = room < 3 ? room : 3;

        memcpy(t->out + t->cut, "...", dots);
        t->len = t->cut + dots;
        return false;
    }
    memcpy(t->out + t->len, unit, n);
    t->len += n;
    if (t->size - t->len >= 3) {
        t->cut = t->len;
    }
    return true;
}

/* Adds what certainly fits. */
__attribute__((format(printf, 2, 3))) static void put_printf(bounded *t, const char *fmt, ...)
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

/* ---- escaping -------------------------------------------------------------------------------- */

enum { UNIT_MAX = 8 };

static size_t hex_escape(char unit[UNIT_MAX], const char *prefix, uint8_t byte)
{
    return (size_t)snprintf(unit, UNIT_MAX, "%s%02x", prefix, byte);
}

static size_t visible_byte(char unit[UNIT_MAX], uint8_t byte)
{
    static const char letters[] = {['\t'] = 't', ['\n'] = 'n', ['\r'] = 'r'};

    if (byte < sizeof letters && letters[byte] != '\0') {
        unit[0] = '\\';
        unit[1] = letters[byte];
        return 2;
    }
    return hex_escape(unit, "\\x", byte);
}

size_t yodel_log_escape(char *out, size_t size, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    bounded t = {.out = out, .size = size};
    bool room = true;

    if (size == 0) {
        return 0;
    }
    t.size--; /* for the NUL */
    for (size_t i = 0; i < len && room; i++) {
        char unit[UNIT_MAX] = {(char)bytes[i]};
        size_t n = 1;

        if (bytes[i] == '\\') {
            unit[1] = '\\';
            n = 2;
        } else if (bytes[i] < 0x20 || bytes[i] > 0x7e) {
            n = visible_byte(unit, bytes[i]);
        }
        room = put(&t, unit, n);
    }
    t.out[t.len] = '\0';
    return t.len;
}

/*
 * Turns the next character of a message into what stands for it in the line: returns how many bytes
 * of the message that is, puts the unit and its length into `unit` and *n.
 *
 * The JSON is written here, not with a JSON library: those allocate, and must not be needed when
 * there is no memory left and that is what has to be said.
 */
static size_t message_unit(yodel_log_format format, const uint8_t *s, size_t len,
                           char unit[UNIT_MAX], size_t *n)
{
    size_t used = yodel_utf8_length(s, len);

    if (used > 0 && yodel_utf8_is_control(s, used)) {
        if (format == YODEL_LOG_JSON) {
            *n = hex_escape(unit, "\\u00", s[used - 1]);
            return used;
        }
        used = 0;
    }
    if (used == 0) { /* a byte that cannot stand for itself */
        *n = format == YODEL_LOG_JSON ? hex_escape(unit, "\\\\x", s[0]) : visible_byte(unit, s[0]);
        return 1;
    }
    *n = 0;
    if (format == YODEL_LOG_JSON && (s[0] == '"' || s[0] == '\\')) {
        unit[(*n)++] = '\\';
    }
    memcpy(unit + *n, s, used);
    *n += used;
    return used;
}

/* ---- messages -------------------------------------------------------------------------------- */

/* Cuts the message at `room` bytes, not within a UTF-8 character, which has at most three bytes
 * that are not its first. */
static size_t cut_message(char *msg, size_t room)
{
    size_t len = room - 3;

    for (int i = 0; i < 3 && ((uint8_t)msg[len] & 0xc0) == 0x80; i++) {
        len--;
    }
    memcpy(msg + len, "...", 3);
    return len + 3;
}

__attribute__((format(printf, 4, 0))) static void write_message(yodel_log *log,
                                                                yodel_log_level level,
                                                                const char *suffix, const char *fmt,
                                                                va_list args)
{
    int saved_errno = errno;
    char msg[YODEL_LOG_MESSAGE_MAX + 1];
    size_t room = YODEL_LOG_MESSAGE_MAX - strlen(suffix);
    int n = vsnprintf(msg, sizeof msg, fmt, args);
    size_t len = n < 0 ? 0 : (size_t)n;

    if (len > room) {
        len = cut_message(msg, room);
    }
    memcpy(msg + len, suffix, strlen(suffix) + 1);
    log->sink(log, level, msg, len + strlen(suffix));
    errno = saved_errno;
}

void yodel_log_write(yodel_log *log, yodel_log_level level, const char *fmt, ...)
{
    va_list args;

    if (log == NULL || level > log->level) {
        return;
    }
    va_start(args, fmt);
    write_message(log, level, "", fmt, args);
    va_end(args);
}

void yodel_log_limited(yodel_log *log, yodel_log_limit *limit, uint64_t now_ns,
                       yodel_log_level level, const char *fmt, ...)
{
    char suffix[48] = "";
    va_list args;

    if (log == NULL || level > log->level) {
        return;
    }
    /* Of several threads at once the first has the line. */
    uint64_t next = atomic_load(&limit->next_ns);
    if (now_ns < next ||
        !atomic_compare_exchange_strong(&limit->next_ns, &next, now_ns + limit->period_ns)) {
        atomic_fetch_add(&limit->suppressed, 1);
        return;
    }
    uint64_t suppressed = atomic_exchange(&limit->suppressed, 0);
    if (suppressed > 0) {
        snprintf(suffix, sizeof suffix, " (%" PRIu64 " more suppressed)", suppressed);
    }
    va_start(args, fmt);
    write_message(log, level, suffix, fmt, args);
    va_end(args);
}

/* ---- lines on a file descriptor -------------------------------------------------------------- */

static const struct {
    const char *name;    /* in options and JSON */
    const char *capital; /* in text */
    int priority;        /* syslog(3) */
} levels[] = {
    [YODEL_LOG_ERROR] = {"error", "ERROR", 3},
    [YODEL_LOG_WARNING] = {"warning", "WARNING", 4},
    [YODEL_LOG_INFO] = {"info", "INFO", 6},
    [YODEL_LOG_DEBUG] = {"debug", "DEBUG", 7},
};

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
static void add_line(const yodel_log_fd *log, bounded *line, yodel_log_level level, const char *msg,
                     size_t len)
{
    const char *end = log->format == YODEL_LOG_JSON ? "\"}\n" : "\n";
    const uint8_t *bytes = (const uint8_t *)msg;
    char now[TIME_TEXT];
    bounded body;
    bool room = true;

    format_time(now);
    if (log->format == YODEL_LOG_JSON) {
        put_printf(line, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":\"", now,
                   levels[level].name);
    } else if (log->journal) {
        put_printf(line, "<%d>", levels[level].priority);
    } else {
        put_printf(line, "%s %s ", now, levels[level].capital);
    }

    body = (bounded){.out = line->out + line->len, .size = line->size - line->len - strlen(end)};
    for (size_t i = 0; i < len && room;) {
        char unit[UNIT_MAX];
        size_t n;

        i += message_unit(log->format, bytes + i, len - i, unit, &n);
        room = put(&body, unit, n);
    }
    line->len += body.len;
    put(line, end, strlen(end));
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
    bounded lines = {.out = out, .size = sizeof out};
    size_t written;

    /* From here on, not only for the write: time stamps ascend in the order of the lines. */
    pthread_mutex_lock(&log->mutex);
    if (log->torn) {
        put(&lines, "\n", 1);
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

/* ---- options --------------------------------------------------------------------------------- */

int yodel_log_level_parse(const char *text, yodel_log_level *level)
{
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (strcmp(text, levels[i].name) == 0) {
            *level = (yodel_log_level)i;
            return 0;
        }
    }
    return -EINVAL;
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
