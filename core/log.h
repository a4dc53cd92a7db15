/*
 * log: what the library has to say goes to a sink that it is given; the programs give it one that
 * writes lines to stderr (log_fd.h).
 *
 * It uses no malloc: running out of memory is one of the things that must be logged.
 */
#ifndef YODEL_CORE_LOG_H
#define YODEL_CORE_LOG_H

#include <stddef.h>
#include <stdint.h>

typedef enum yodel_log_level {
    YODEL_LOG_ERROR,   /* something that must be repaired */
    YODEL_LOG_WARNING, /* something that somebody should look at */
    YODEL_LOG_INFO,    /* what an operator wants to see: started, listening, stopped */
    YODEL_LOG_DEBUG,   /* every connection */
} yodel_log_level;

/* The longest message in bytes, with the "..." that shows that it was cut. */
#define YODEL_LOG_MESSAGE_MAX 2048

/*
 * A log is a level and a sink. Whoever wants the lines elsewhere (a test, a program with a logger
 * of its own) puts this struct first in his own and gives a sink. The sink gets each message that
 * the level lets through: `len` bytes at `msg`, borrowed, followed by a NUL that is not counted, no
 * newline at the end. Any thread calls it, several at the same time. Do not change a log while
 * threads use it.
 */
typedef struct yodel_log {
    yodel_log_level level; /* messages above (less important than) this are dropped */
    void (*sink)(struct yodel_log *log, yodel_log_level level, const char *msg, size_t len);
} yodel_log;

/*
 * Logs one message, formatted as by printf. Any thread may call it; it keeps errno, so a caller can
 * log first and look at errno afterwards. A NULL log is silent. A message longer than
 * YODEL_LOG_MESSAGE_MAX is cut and ends in "...". Bytes that a peer sent go through
 * yodel_log_escape first.
 */
void yodel_log_write(yodel_log *log, yodel_log_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * A rate limit for one kind of message, for what a peer can cause as often as it likes. Set
 * period_ns, leave the rest 0. Threads may share it: then it holds for all of them together.
 */
typedef struct yodel_log_limit {
    uint64_t period_ns;          /* at most one line in this time */
    _Atomic uint64_t next_ns;    /* instant of CLOCK_MONOTONIC: silent until then */
    _Atomic uint64_t suppressed; /* lines not written since the last one that was */
} yodel_log_limit;

/*
 * As yodel_log_write, but at most one line per limit->period_ns. `now_ns` is the instant
 * (yodel_clock_now). A line that follows suppressed ones ends in " (N more suppressed)". Messages
 * that the level drops anyway are not counted.
 */
void yodel_log_limited(yodel_log *log, yodel_log_limit *limit, uint64_t now_ns,
                       yodel_log_level level, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/*
 * Makes bytes from a peer visible: printable ASCII stays, \ CR LF TAB become \\ \r \n \t, every
 * other byte \xNN with two lower-case hex digits. So the result is printable ASCII that can be read
 * back without doubt. Writes at most `size` bytes to `out` with the NUL (size 0: nothing); what
 * does not fit is cut between two escapes and "..." is put at its end, room permitting. Returns the
 * length without the NUL. Four times `len` and one always suffice.
 */
size_t yodel_log_escape(char *out, size_t size, const void *data, size_t len);

/* Its name: "error", "warning", "info", "debug". */
const char *yodel_log_level_name(yodel_log_level level);

/* The level of that name, for --log-level. 0 or -EINVAL. */
int yodel_log_level_parse(const char *text, yodel_log_level *level);

#endif
