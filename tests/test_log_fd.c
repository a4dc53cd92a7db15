/*
 * The log on a file descriptor: what its lines look like, that nothing blocks, and that lines of
 * many threads stay whole.
 */
#include "core/log_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/piped_log.h"

/* ---- what they look like --------------------------------------------------------------------- */

static void text_lines(void **state)
{
    const char *at;
    piped_log p;

    (void)state;
    piped_log_open(&p, YODEL_LOG_TEXT);
    yodel_log_write(&p.log.log, YODEL_LOG_ERROR, "one %d", 1);
    yodel_log_write(&p.log.log, YODEL_LOG_WARNING, "two");
    yodel_log_write(&p.log.log, YODEL_LOG_INFO, "three");
    yodel_log_write(&p.log.log, YODEL_LOG_DEBUG, "%s", "");
    at = expect_text(expect_time(piped_log_drain(&p)), " ERROR one 1\n");
    at = expect_text(expect_time(at), " WARNING two\n");
    at = expect_text(expect_time(at), " INFO three\n");
    at = expect_text(expect_time(at), " DEBUG \n");
    assert_string_equal(at, "");
    piped_log_close(&p);
}

static void json_lines(void **state)
{
    const char *at;
    piped_log p;

    (void)state;
    piped_log_open(&p, YODEL_LOG_JSON);
    yodel_log_write(&p.log.log, YODEL_LOG_ERROR, "say \"%s\"", "C:\\");
    yodel_log_write(&p.log.log, YODEL_LOG_DEBUG, "gr\xc3\xbc\xc3\x9f");
    at = expect_time(expect_text(piped_log_drain(&p), "{\"time\":\""));
    at = expect_text(at, "\",\"level\":\"error\",\"message\":\"say \\\"C:\\\\\\\"\"}\n");
    at = expect_time(expect_text(at, "{\"time\":\""));
    at = expect_text(at, "\",\"level\":\"debug\",\"message\":\"gr\xc3\xbc\xc3\x9f\"}\n");
    assert_string_equal(at, "");
    piped_log_close(&p);
}

static void time_stamps_are_utc(void **state)
{
    struct timespec before;
    struct timespec after;
    struct tm utc = {0};
    time_t stamp;
    piped_log p;

    (void)state;
    setenv("TZ", "Asia/Tokyo", 1);
    tzset();
    piped_log_open(&p, YODEL_LOG_TEXT);
    clock_gettime(CLOCK_REALTIME, &before);
    yodel_log_write(&p.log.log, YODEL_LOG_INFO, "now");
    clock_gettime(CLOCK_REALTIME, &after);
    assert_non_null(strptime(piped_log_drain(&p), "%Y-%m-%dT%H:%M:%S", &utc));
    stamp = timegm(&utc);
    assert_true(before.tv_sec <= stamp && stamp <= after.tv_sec);
    unsetenv("TZ");
    tzset();
    piped_log_close(&p);
}

/* The journal tells its services which device and inode their stderr is. */
static void set_journal(int fd, ino_t inode_off_by)
{
    char stream[64];
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    snprintf(stream, sizeof stream, "%lu:%lu", (unsigned long)st.st_dev,
             (unsigned long)(st.st_ino + inode_off_by));
    setenv("JOURNAL_STREAM", stream, 1);
}

static void the_journal_gets_priorities_and_no_time(void **state)
{
    piped_log p;
    yodel_log_fd journal;

    (void)state;
    piped_log_open(&p, YODEL_LOG_TEXT);
    set_journal(p.write_end, 0);
    assert_int_equal(yodel_log_fd_init(&journal, p.write_end, YODEL_LOG_DEBUG, YODEL_LOG_TEXT), 0);
    for (yodel_log_level level = YODEL_LOG_ERROR; level <= YODEL_LOG_DEBUG; level++) {
        yodel_log_write(&journal.log, level, "message");
    }
    assert_string_equal(piped_log_drain(&p), "<3>message\n<4>message\n<6>message\n<7>message\n");
    unsetenv("JOURNAL_STREAM");
    yodel_log_fd_destroy(&journal);
    piped_log_close(&p);
}

static void another_stream_is_not_the_journal(void **state)
{
    yodel_log_fd other;
    piped_log p;

    (void)state;
    piped_log_open(&p, YODEL_LOG_TEXT);
    set_journal(p.write_end, 1);
    assert_int_equal(yodel_log_fd_init(&other, p.write_end, YODEL_LOG_DEBUG, YODEL_LOG_TEXT), 0);
    yodel_log_write(&other.log, YODEL_LOG_INFO, "message");
    assert_string_equal(expect_time(piped_log_drain(&p)), " INFO message\n");
    unsetenv("JOURNAL_STREAM");
    yodel_log_fd_destroy(&other);
    piped_log_close(&p);
}

/* ---- nothing blocks (FAULTS 23) -------------------------------------------------------------- */

static void a_full_pipe_loses_lines_and_says_so(void **state)
{
    const char *at;
    piped_log p;

    (void)state;
    piped_log_open(&p, YODEL_LOG_TEXT);
    piped_log_fill(&p);
    for (int i = 0; i < 99; i++) {
        yodel_log_write(&p.log.log, YODEL_LOG_INFO, "lost");
    }
    assert_int_equal(yodel_log_fd_lost(&p.log), 100);
    at = piped_log_drain(&p);
    assert_null(strstr(at, "lost"));
    assert_int_equal(at[strlen(at) - 1], '\n');

    yodel_log_write(&p.log.log, YODEL_LOG_INFO, "found");
    at = expect_text(expect_time(piped_log_drain(&p)), " WARNING 100 log lines lost\n");
    assert_string_equal(expect_time(at), " INFO found\n");
    yodel_log_write(&p.log.log, YODEL_LOG_INFO, "and on");
    assert_string_equal(expect_time(piped_log_drain(&p)), " INFO and on\n");

    piped_log_fill(&p); /* once more: only what is new is told */
    assert_int_equal(yodel_log_fd_lost(&p.log), 101);
    piped_log_drain(&p);
    yodel_log_write(&p.log.log, YODEL_LOG_INFO, "found");
    at = expect_text(expect_time(piped_log_drain(&p)), " WARNING 1 log line lost\n");
    assert_string_equal(expect_time(at), " INFO found\n");
    piped_log_close(&p);
}

/* A terminal takes a part of a line when there is room for no more, so this is about more than a
 * full pipe: nothing blocks, and what comes after the part begins a line of its own. */
static void a_terminal_that_nobody_reads_does_not_block(void **state)
{
    enum { STAMP = sizeof "2026-11-21T03:40:34.123Z" - 1 };
    static const char warning[] = " WARNING ";
    static char text[1 << 20];
    size_t len = 0;
    uint64_t told = 0;
    yodel_log_fd log;
    int own;
    int theirs;

    (void)state;
    own = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(own >= 0);
    assert_int_equal(grantpt(own), 0);
    assert_int_equal(unlockpt(own), 0);
    theirs = open(ptsname(own), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(theirs >= 0);

    assert_int_equal(yodel_log_fd_init(&log, theirs, YODEL_LOG_INFO, YODEL_LOG_TEXT), 0);
    while (yodel_log_fd_lost(&log) < 10) {
        yodel_log_write(&log.log, YODEL_LOG_INFO, "filling %0900d", 1);
    }
    assert_int_equal(fcntl(theirs, F_GETFL) & O_NONBLOCK, 0);

    /* Reads until a new line comes through, behind the part of one and the notice. */
    assert_int_equal(fcntl(own, F_SETFL, O_NONBLOCK), 0);
    while (strstr(text, "found\r\n") == NULL) {
        ssize_t n = read(own, text + len, sizeof text - 1 - len);

        if (n > 0) {
            len += (size_t)n;
        } else {
            yodel_log_write(&log.log, YODEL_LOG_INFO, "found");
        }
    }
    /* While it filled up there may have been room again for a moment, and so more than one. */
    for (const char *at = text; (at = strstr(at, warning)) != NULL; at += strlen(warning)) {
        assert_true(at - text > STAMP && at[-STAMP - 1] == '\n');
        assert_ptr_equal(expect_time(at - STAMP), at);
        told += strtoul(at + strlen(warning), NULL, 10);
    }
    assert_in_range(told, 10, yodel_log_fd_lost(&log));
    yodel_log_fd_destroy(&log);
    close(theirs);
    close(own);
}

static void a_pipe_without_reader_is_silent(void **state)
{
    piped_log p;

    (void)state;
    piped_log_open(&p, YODEL_LOG_TEXT);
    close(p.read_end);
    p.read_end = -1;
    yodel_log_write(&p.log.log, YODEL_LOG_ERROR, "nobody reads this");
    yodel_log_write(&p.log.log, YODEL_LOG_ERROR, "nor this");
    assert_int_equal(yodel_log_fd_lost(&p.log), 2);
    piped_log_close(&p);
}

static void a_closed_descriptor_is_silent(void **state)
{
    piped_log p;

    (void)state;
    piped_log_open(&p, YODEL_LOG_TEXT);
    close(p.write_end);
    p.write_end = -1;
    yodel_log_write(&p.log.log, YODEL_LOG_ERROR, "there is nothing there");
    assert_int_equal(yodel_log_fd_lost(&p.log), 1);
    piped_log_close(&p);
}

static void the_descriptor_stays_as_it_is(void **state)
{
    piped_log p;
    int flags;

    (void)state;
    piped_log_open(&p, YODEL_LOG_TEXT);
    flags = fcntl(p.write_end, F_GETFL);
    yodel_log_write(&p.log.log, YODEL_LOG_INFO, "message");
    assert_int_equal(flags & O_NONBLOCK, 0);
    assert_int_equal(fcntl(p.write_end, F_GETFL), flags);
    yodel_log_fd_destroy(NULL);
    piped_log_close(&p);
}

/* ---- many threads ---------------------------------------------------------------------------- */

enum { THREADS = 8, LINES = 500 };

typedef struct crowd {
    yodel_log_fd log;
    int write_end;
    pthread_t threads[THREADS];
} crowd;

typedef struct writer {
    yodel_log *log;
    int number;
} writer;

static void *write_lines(void *argument)
{
    const writer *w = argument;
    char rest[700];

    memset(rest, '_', sizeof rest);
    for (int i = 0; i < LINES; i++) {
        yodel_log_write(w->log, YODEL_LOG_INFO, "thread %d line %d %.*s end", w->number, i,
                        (w->number * 100 + i) % (int)sizeof rest, rest);
    }
    return NULL;
}

/* The end of the file for the reader, when the last line has been written. */
static void *wait_for_writers(void *argument)
{
    crowd *c = argument;

    for (int i = 0; i < THREADS; i++) {
        pthread_join(c->threads[i], NULL);
    }
    close(c->write_end);
    return NULL;
}

/* One line of theirs, whole; returns how many lines it says were lost before it, or 0. */
static uint64_t check_line(const char *line, int next[THREADS], uint64_t *count)
{
    const char *message = expect_time(line);
    unsigned long lost;
    int thread;
    int number;

    if (sscanf(message, " WARNING %lu log line", &lost) == 1) {
        return lost;
    }
    assert_int_equal(sscanf(message, " INFO thread %d line %d %*[_]", &thread, &number), 2);
    assert_string_equal(strrchr(message, ' '), " end\n");
    assert_in_range(thread, 0, THREADS - 1);
    assert_true(number >= next[thread]);
    next[thread] = number + 1;
    (*count)++;
    return 0;
}

/* While the pipe is read: every line arrives whole and in its thread's order, or is counted. */
static void lines_of_threads_never_mix(void **state)
{
    writer writers[THREADS];
    int next[THREADS] = {0};
    uint64_t count = 0;
    uint64_t told = 0;
    pthread_t waiter;
    char line[PIPE_BUF];
    FILE *reader;
    int fds[2];
    crowd c;

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    c.write_end = fds[1];
    assert_int_equal(yodel_log_fd_init(&c.log, fds[1], YODEL_LOG_INFO, YODEL_LOG_TEXT), 0);
    for (int i = 0; i < THREADS; i++) {
        writers[i] = (writer){.log = &c.log.log, .number = i};
        assert_int_equal(pthread_create(&c.threads[i], NULL, write_lines, &writers[i]), 0);
    }
    assert_int_equal(pthread_create(&waiter, NULL, wait_for_writers, &c), 0);

    reader = fdopen(fds[0], "r");
    assert_non_null(reader);
    while (fgets(line, sizeof line, reader) != NULL) {
        told += check_line(line, next, &count);
    }
    pthread_join(waiter, NULL);
    assert_true(told <= yodel_log_fd_lost(&c.log));
    assert_int_equal(count + yodel_log_fd_lost(&c.log), THREADS * LINES);
    fclose(reader);
    yodel_log_fd_destroy(&c.log);
}

/* ---- options --------------------------------------------------------------------------------- */

static void names_of_formats(void **state)
{
    yodel_log_format format = YODEL_LOG_TEXT;

    (void)state;
    assert_int_equal(yodel_log_format_parse("json", &format), 0);
    assert_int_equal(format, YODEL_LOG_JSON);
    assert_int_equal(yodel_log_format_parse("text", &format), 0);
    assert_int_equal(format, YODEL_LOG_TEXT);
    assert_int_equal(yodel_log_format_parse("xml", &format), -EINVAL);
    assert_int_equal(yodel_log_format_parse("", &format), -EINVAL);
    assert_int_equal(format, YODEL_LOG_TEXT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_lines),
        cmocka_unit_test(json_lines),
        cmocka_unit_test(time_stamps_are_utc),
        cmocka_unit_test(the_journal_gets_priorities_and_no_time),
        cmocka_unit_test(another_stream_is_not_the_journal),
        cmocka_unit_test(a_full_pipe_loses_lines_and_says_so),
        cmocka_unit_test(a_terminal_that_nobody_reads_does_not_block),
        cmocka_unit_test(a_pipe_without_reader_is_silent),
        cmocka_unit_test(a_closed_descriptor_is_silent),
        cmocka_unit_test(the_descriptor_stays_as_it_is),
        cmocka_unit_test(lines_of_threads_never_mix),
        cmocka_unit_test(names_of_formats),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
