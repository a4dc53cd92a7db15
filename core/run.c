#include "core/run.h"

#include "core/error.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* Waits for a signal (true) or for the drain's end (false). */
static bool signal_came(int signals, int stopped)
{
    struct pollfd fds[] = {{.fd = signals, .events = POLLIN}, {.fd = stopped, .events = POLLIN}};
    while (poll(fds, 2, -1) < 0) {
        /* EINTR, or no memory just now: there is nothing to do but to wait again. */
    }
    if (fds[0].revents == 0) {
        return false;
    }
    struct signalfd_siginfo signal;
    return read(signals, &signal, sizeof(signal)) == (ssize_t)sizeof(signal);
}

int yodel_server_run(yodel_server *server, double grace)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    int signals = signalfd(-1, &set, SFD_CLOEXEC);
    if (signals < 0) {
        int error = -errno;
        yodel_log_write(yodel_server_log(server), YODEL_LOG_ERROR, "cannot wait for signals: %s",
                        yodel_strerror(error));
        return error;
    }

    int stopped = yodel_server_stopped_fd(server);
    int code = yodel_server_start(server);
    if (code == 0 && signal_came(signals, stopped)) {
        yodel_server_drain(server, grace);
        code = signal_came(signals, stopped) ? -EINTR : 0;
    }
    if (code == 0) {
        yodel_server_wait(server);
    }
    close(signals);
    return code;
}
