/*
 * yodel-client: talks to a line server.
 *
 * Three threads: the reader (client/reader.h) prints what the server sends, the input thread
 * (client/input.h) sends what the user types, and main waits for both. Whichever way the connection
 * ends, the reader completes `closed`; that wakes the input thread wherever it sleeps.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/input.h"
#include "client/options.h"
#include "client/outcome.h"
#include "client/reader.h"
#include "core/address.h"
#include "core/clock.h"
#include "core/completion.h"
#include "core/error.h"
#include "core/std_fds.h"
#include "yodel_version.h"

enum { EXIT_USAGE = 2 };

/* Tries one after the other; failing, it writes each one's reason to `reasons`. */
static int connect_to_any(const yodel_address *list, size_t count, double timeout, FILE *reasons,
                          int *fd)
{
    int error = -EADDRNOTAVAIL;

    for (size_t i = 0; i < count; i++) {
        char text[YODEL_ADDRESS_TEXT];

        error = yodel_address_connect(&list[i], timeout, -1, fd);
        if (error == 0) {
            break;
        }
        if (yodel_address_is_unix(&list[i])) {
            fputs(yodel_strerror(error), reasons);
        } else {
            fprintf(reasons, "%s%s: %s", i > 0 ? ", " : "", yodel_address_format(&list[i], text),
                    yodel_strerror(error));
        }
    }
    return error;
}

/* Failing, it tells the user why, in one line. */
static int connect_to_server(const yodel_client_options *o, int *fd)
{
    char text[1024] = "";
    yodel_address *list;
    size_t count;
    int error = yodel_address_resolve(o->host, o->port, &list, &count);

    if (error == 0) {
        FILE *reasons = fmemopen(text, sizeof text - 1, "w");

        error = reasons != NULL ? connect_to_any(list, count, o->timeout, reasons, fd) : -ENOMEM;
        if (reasons != NULL) {
            fclose(reasons);
        }
        free(list);
    }
    if (error < 0) {
        bool is_unix = yodel_address_host_is_unix(o->host);

        fprintf(stderr, "yodel-client: cannot connect to %s%s%s: %s\n", o->host,
                is_unix ? "" : " port ", is_unix ? "" : o->port,
                text[0] != '\0' ? text : yodel_strerror(error));
    }
    return error;
}

/*
 * After the end of input: waits until the connection is closed. False: nothing came for `timeout`
 * seconds (0: waits for ever). Time that the reader spends printing is not the server's silence.
 */
static bool wait_for_answers(yodel_completion *closed, yodel_reader *reader, double timeout)
{
    uint64_t start = yodel_clock_now();
    uint64_t limit = timeout > 0 ? yodel_clock_from_seconds(timeout) : UINT64_MAX;
    int value;

    for (;;) {
        uint64_t since = atomic_load(&reader->waiting_since); /* before `now`: never later */
        uint64_t now = yodel_clock_now();

        if (since == 0) {
            since = now;
        } else if (since < start) {
            since = start;
        }
        if (now - since >= limit) {
            return false;
        }
        uint64_t deadline = limit > UINT64_MAX - since ? UINT64_MAX : since + limit;
        if (yodel_completion_wait_until(closed, deadline, &value) == 0) {
            return true;
        }
    }
}

/*
 * Signals stay as they are in both threads: a client in the background that reads from the terminal
 * must be stopped by SIGTTIN, and with that blocked read(2) would fail instead.
 */
static int run_threads(yodel_reader *reader, yodel_input *input, double timeout, bool *silent)
{
    pthread_t reader_thread, input_thread;
    int error = pthread_create(&reader_thread, NULL, yodel_reader_run, reader);

    if (error != 0) {
        return -error;
    }
    error = pthread_create(&input_thread, NULL, yodel_input_run, input);
    if (error == 0) {
        pthread_join(input_thread, NULL);
        *silent = !wait_for_answers(reader->closed, reader, timeout);
    }
    if (error != 0 || *silent) {
        shutdown(reader->socket, SHUT_RDWR); /* wakes the reader */
    }
    pthread_join(reader_thread, NULL);
    return -error;
}

static int fail(const char *what, int error)
{
    fprintf(stderr, "yodel-client: %s: %s\n", what, yodel_strerror(error));
    return EXIT_FAILURE;
}

static int talk(const yodel_client_options *o, int fd)
{
    yodel_completion closed;
    int error = yodel_completion_init(&closed);

    if (error < 0) {
        return fail("cannot start", error);
    }

    yodel_reader reader = {
        .socket = fd,
        .output = STDOUT_FILENO,
        .visible = !o->raw && isatty(STDOUT_FILENO),
        .closed = &closed,
    };
    yodel_input input = {.socket = fd, .source = STDIN_FILENO, .closed = &closed};
    bool silent = false;

    error = run_threads(&reader, &input, o->timeout, &silent);
    if (error < 0) {
        yodel_completion_destroy(&closed);
        return fail("cannot start a thread", error);
    }

    yodel_outcome outcome = {
        .receive_error = yodel_completion_wait(&closed),
        .send_error = input.send_error,
        .input_error = input.read_error,
        .output_error = reader.output_error,
        .input_ended = input.ended,
        .cut = input.cut,
        .from_terminal = isatty(STDIN_FILENO),
        .said_goodbye = input.crlf.said_goodbye,
        .silent = silent,
        .timeout = o->timeout,
        .lines = input.crlf.lines,
        .answers = reader.answers,
    };
    char message[YODEL_OUTCOME_MESSAGE];
    int status = yodel_outcome_status(&outcome, message);

    yodel_completion_destroy(&closed);
    if (message[0] != '\0') {
        /* Someone who was typing has half a line on the screen. */
        bool mid_line = outcome.from_terminal && !outcome.input_ended && isatty(STDERR_FILENO);

        fprintf(stderr, "%syodel-client: %s\n", mid_line ? "\n" : "", message);
    }
    return status;
}

/* For --help and --version, whose output may go to a full disk. */
static int print(const char *text)
{
    if (fputs(text, stdout) == EOF || fflush(stdout) == EOF) {
        return fail("cannot write to standard output", -errno);
    }
    return EXIT_SUCCESS;
}

int main(int argc, char *argv[])
{
    yodel_client_options options;
    char message[256];
    int fd = -1, error = yodel_std_fds_open();

    if (error < 0) {
        return fail("cannot open /dev/null", error);
    }
    if (yodel_client_options_parse(&options, argc, argv, message, sizeof message) < 0) {
        fprintf(stderr, "yodel-client: %s (try yodel-client --help)\n", message);
        return EXIT_USAGE;
    }
    if (options.action == YODEL_CLIENT_HELP) {
        return print(yodel_client_help);
    }
    if (options.action == YODEL_CLIENT_VERSION) {
        return print("yodel-client " YODEL_VERSION " (" YODEL_COMMIT ")\n");
    }

    signal(SIGPIPE, SIG_IGN); /* a pipe that is closed is an error of write */
    if (connect_to_server(&options, &fd) < 0) {
        return EXIT_FAILURE;
    }
    int status = talk(&options, fd);
    close(fd);
    return status;
}
