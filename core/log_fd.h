/*
 * log_fd: a log (log.h) that writes lines to a file descriptor, a program's stderr.
 *
 * Three promises, each of which an ordinary fprintf(stderr, ...) breaks:
 *   - a log line never blocks: whoever stops reading our stderr must not stop the server. A line
 *     that cannot be written now is counted, and the count is told when lines flow again;
 *   - lines of several threads never mix;
 *   - nothing that a peer sent can forge a line, a JSON field or a terminal's escape sequence.
 *
 * It uses no malloc: running out of memory is one of the things that must be logged.
 */
#ifndef YODEL_CORE_LOG_FD_H
#define YODEL_CORE_LOG_FD_H

#include "log.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum yodel_log_format {
    YODEL_LOG_TEXT,
    YODEL_LOG_JSON,
} yodel_log_format;

/*
 * Only its functions touch the members; pass &log_fd->log to whoever logs.
 *
 *     text             2026-11-21T03:40:34.123Z INFO listening on 127.0.0.1:8007
 *     text, journal    <6>listening on 127.0.0.1:8007
 *     JSON             {"time":"2026-11-21T03:40:34.123Z","level":"info","message":"listening ..."}
 *
 * The journal form (sd-daemon(3)) is taken when $JOURNAL_STREAM names the fd's device and inode, as
 * systemd sets it for a service's stderr. Messages are expected in UTF-8: control characters (C0,
 * DEL, C1) and bytes that are not valid UTF-8 are shown escaped in every format, as \xNN in text,
 * as \u00NN and \\xNN in JSON.
 */
typedef struct yodel_log_fd {
    yodel_log log; /* first: the sink gets this and means the whole */
    pthread_mutex_t mutex;
    int fd;
    int terminal; /* the same terminal, opened once more; -1 when fd is none */
    yodel_log_format format;
    bool journal;
    bool torn;          /* the last bytes written were a part of a line */
    uint64_t lost;      /* lines lost in all */
    uint64_t lost_told; /* of these, how many have been told in a line */
} yodel_log_fd;

/*
 * Makes a log on `fd`, which is borrowed and whose flags stay as they are (its O_NONBLOCK belongs
 * to everybody who shares it); for a terminal one more descriptor is opened. The fd may be closed,
 * or a pipe that nobody reads any more: lines are lost then, silently. But it must not be closed
 * now and become something else later: a program makes sure first that 0, 1 and 2 are open, and
 * ignores SIGPIPE. 0, or a negated errno when there is no mutex.
 */
int yodel_log_fd_init(yodel_log_fd *log, int fd, yodel_log_level level, yodel_log_format format);

/* Ends it; no thread may use the log any more. The fd stays open. NULL is fine. */
void yodel_log_fd_destroy(yodel_log_fd *log);

/* How many lines could not be written since init. Any thread. */
uint64_t yodel_log_fd_lost(yodel_log_fd *log);

/* "text", "json" -> format, for --log-format. 0 or -EINVAL. */
int yodel_log_format_parse(const char *text, yodel_log_format *format);

#endif
