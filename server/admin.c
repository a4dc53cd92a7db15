#include "server/admin.h"

#include "core/clock.h"
#include "core/error.h"
#include "core/thread.h"
#include "server/admin_internal.h"
#include "server/admin_socket.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PERIOD_NS ((uint64_t)(YODEL_STATUS_PERIOD * (double)YODEL_NS_PER_SEC))

/* --- its thread
 * ----------------------------------------------------------------------------------*/

/* Milliseconds until something is due, a sample or a client's timeout. */
static int time_left(const yodel_admin *admin, uint64_t next_sample)
{
    uint64_t now = yodel_clock_now();
    uint64_t left =
        next_sample > now ? (next_sample - now + YODEL_NS_PER_MS - 1) / YODEL_NS_PER_MS : 0;
    MHD_UNSIGNED_LONG_LONG timeout;
    if (MHD_get_timeout(admin->http, &timeout) == MHD_YES && timeout < left) {
        left = timeout;
    }
    return (int)left;
}

static void wait_for_something(const yodel_admin *admin, uint64_t next_sample)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(admin->http, MHD_DAEMON_INFO_EPOLL_FD);
    struct pollfd fds[] = {
        {.fd = info->epoll_fd, .events = POLLIN},
        {.fd = admin->wake, .events = POLLIN},
    };
    uint64_t woken;
    if (poll(fds, 2, time_left(admin, next_sample)) > 0 && fds[1].revents != 0 &&
        read(admin->wake, &woken, sizeof(woken)) < 0) {
        return; /* somebody else's wake-up was the same one */
    }
}

/* Who came here though another process has the socket as well is answered before the end. But who
 * asks nothing does not hold it up for long: nobody hears signals meanwhile. */
static bool has_to_answer(const yodel_admin *admin, uint64_t quiesced_at)
{
    if (!admin->quiesce) {
        return false;
    }
    return quiesced_at == 0 ||
           (admin->unanswered > 0 &&
            yodel_clock_now() < quiesced_at + YODEL_ADMIN_TIMEOUT * YODEL_NS_PER_SEC);
}

/* The daemon and the samples belong to this thread: nothing here needs a lock. */
static void *run(void *arg)
{
    yodel_admin *admin = arg;
    uint64_t next_sample = yodel_clock_now() + PERIOD_NS;
    uint64_t quiesced_at = 0;
    while (!admin->stop || has_to_answer(admin, quiesced_at)) {
        wait_for_something(admin, next_sample);
        if (admin->quiesce && quiesced_at == 0) {
            (void)MHD_quiesce_daemon(admin->http);
            /* The other one's alone: when that ends, whoever comes next can listen there. */
            close(admin->fd);
            admin->fd = -1;
            quiesced_at = yodel_clock_now();
        }
        uint64_t now = yodel_clock_now();
        if (now >= next_sample) {
            yodel_status_sample(admin->status, now);
            next_sample += ((now - next_sample) / PERIOD_NS + 1) * PERIOD_NS;
        }
        (void)MHD_run(admin->http);
    }
    return NULL;
}

static void wake(yodel_admin *admin)
{
    (void)eventfd_write(admin->wake, 1);
}

/* --- its life
 * ------------------------------------------------------------------------------------*/

static void tell(const yodel_admin *admin)
{
    yodel_log *log = &admin->config.log->log;
    yodel_address address;
    char text[YODEL_ADDRESS_TEXT];
    if (yodel_address_of_socket(admin->fd, &address) < 0) {
        return;
    }
    yodel_address_format(&address, text);
    yodel_log_write(log, YODEL_LOG_INFO, "admin on http://%s/", text);
    if (!yodel_admin_socket_is_local(&address)) {
        yodel_log_write(log, YODEL_LOG_WARNING,
                        "--admin: whoever can reach %s sees it, there is no authentication", text);
    }
}

static void destroy(yodel_admin *admin)
{
    if (admin->http != NULL) {
        if (admin->fd >= 0) {                      /* else it was told already */
            (void)MHD_quiesce_daemon(admin->http); /* or it would close the socket, which is ours */
        }
        MHD_stop_daemon(admin->http);
    }
    if (admin->fd >= 0 && admin->fd != admin->config.fd) {
        close(admin->fd);
    }
    if (admin->wake >= 0) {
        close(admin->wake);
    }
    yodel_status_free(admin->status);
    free(admin);
}

/* All but the thread. */
static int make(yodel_admin *admin)
{
    yodel_process_stats stats;
    yodel_process_stats_get(&stats);
    admin->started = stats.started;
    admin->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (admin->wake < 0) {
        return -errno;
    }
    int code = yodel_status_new(admin->config.server, &admin->status);
    if (code < 0) {
        return code;
    }
    if (admin->fd < 0) {
        code = yodel_admin_socket_open(admin->config.endpoint, &admin->fd);
        if (code < 0) {
            return code;
        }
    }
    errno = 0;
    admin->http = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, yodel_admin_on_request, admin,
                                   MHD_OPTION_LISTEN_SOCKET, admin->fd, MHD_OPTION_CONNECTION_LIMIT,
                                   YODEL_ADMIN_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
                                   YODEL_ADMIN_TIMEOUT, MHD_OPTION_NOTIFY_CONNECTION,
                                   yodel_admin_on_connection, admin, MHD_OPTION_NOTIFY_COMPLETED,
                                   yodel_admin_on_answered, admin, MHD_OPTION_END);
    if (admin->http == NULL) {
        return errno != 0 ? -errno : -ENOMEM;
    }
    return 0;
}

int yodel_admin_start(const yodel_admin_config *config, yodel_admin **out)
{
    yodel_admin *admin = calloc(1, sizeof(*admin));
    int code = -ENOMEM;
    if (admin != NULL) {
        admin->config = *config;
        admin->fd = config->fd;
        admin->wake = -1;
        code = make(admin);
        if (code == 0) {
            code = yodel_thread_start(&admin->thread, "admin", -1, run, admin);
        }
    }
    if (code < 0) {
        yodel_log_write(&config->log->log, YODEL_LOG_ERROR, "--admin %s:%s: cannot listen: %s",
                        config->endpoint->host, config->endpoint->port, yodel_strerror(code));
        if (admin != NULL) {
            destroy(admin);
        }
        return code;
    }
    tell(admin);
    *out = admin;
    return 0;
}

int yodel_admin_fd(const yodel_admin *admin)
{
    return admin != NULL ? admin->fd : -1;
}

void yodel_admin_set_draining(yodel_admin *admin)
{
    if (admin != NULL) {
        admin->draining = true;
    }
}

void yodel_admin_quiesce(yodel_admin *admin)
{
    if (admin != NULL) {
        admin->quiesce = true;
        wake(admin);
    }
}

void yodel_admin_stop(yodel_admin *admin)
{
    if (admin == NULL) {
        return;
    }
    admin->stop = true;
    wake(admin);
    pthread_join(admin->thread, NULL);
    admin->config.fd = -1; /* taken over: ours to close */
    destroy(admin);
}
