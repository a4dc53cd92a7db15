#include "core/log.h"

#include "core/log_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static const char *const level_names[] = {
    [YODEL_LOG_ERROR] = "error",
    [YODEL_LOG_WARNING] = "warning",
    [YODEL_LOG_INFO] = "info",
    [YODEL_LOG_DEBUG] = "debug",
};

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

size_t yodel_log_escape(char *out, size_t size, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    yodel_log_text t = {.out = out, .size = size};
    bool room = true;

    if (size == 0) {
        return 0;
    }
    t.size--; /* for the NUL */
    for (size_t i = 0; i < len && room; i++) {
        char unit[YODEL_LOG_UNIT] = {(char)bytes[i]};
        size_t n = 1;

        if (bytes[i] == '\\') {
            unit[1] = '\\';
            n = 2;
        } else if (bytes[i] < 0x20 || bytes[i] > 0x7e) {
            n = yodel_log_unit_of_byte(unit, bytes[i]);
        }
        room = yodel_log_text_put(&t, unit, n);
    }
    t.out[t.len] = '\0';
    return t.len;
}

const char *yodel_log_level_name(yodel_log_level level)
{
    return level_names[level];
}

int yodel_log_level_parse(const char *text, yodel_log_level *level)
{
    for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *level = (yodel_log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}
