/*
 * successor: starts the process that is to replace this one, with this one's listening sockets, as
 * a service manager would (inherited.h).
 *
 * The new process has standard input, output and error, the sockets from 3 on, the writing end of a
 * pipe behind them, and nothing else; the environment of this one, with the variables for the
 * sockets and the pipe; no blocked signal, and SIGPIPE, which servers ignore, in its default state.
 */
#ifndef YODEL_SERVER_SUCCESSOR_H
#define YODEL_SERVER_SUCCESSOR_H

#include <stddef.h>
#include <sys/types.h>

/* The child's first word: it has closed its copies of all descriptors that are not for it. */
#define YODEL_SUCCESSOR_ALONE 'A'

/* How long that is waited for, in ms. It is a matter of microseconds, unless somebody has stopped
 * the child. */
#define YODEL_SUCCESSOR_ALONE_MS 1000

/* A socket to pass on. */
typedef struct yodel_passed_fd {
    int fd;
    const char *name; /* inherited.h */
} yodel_passed_fd;

typedef struct yodel_successor {
    pid_t pid; /* a child of this process, to be waited for */
    int ready; /* the pipe's reading end, non-blocking: YODEL_READY_SAYS, YODEL_READY_ERROR
                  (inherited.h); or before it a YODEL_SUCCESSOR_ALONE that came late */
} yodel_successor;

/* Starts it; argv is the whole argument vector. 0 and *out: it was forked, and has no copies of
 * other descriptors any more (yodel_server_hold), or does not get to closing them; that it could
 * not become the program is told through the pipe. -EAGAIN, -ENOMEM, -EMFILE: it could not be. Any
 * thread; other threads run on. */
int yodel_successor_start(const char *path, char *const argv[], const yodel_passed_fd *fds,
                          size_t count, yodel_successor *out);

#endif
