#include "server/inherited.h"

#include "core/error.h"
#include "core/units.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

static int complain(yodel_log *log, const char *what, int code)
{
    yodel_log_write(log, YODEL_LOG_ERROR, "%s: %s", what, yodel_strerror(code));
    return code;
}

/* The pipe's end, or -1 when there is none, or -EBADF. */
static int take_ready(void)
{
    const char *text = getenv(YODEL_READY_VARIABLE);
    uint64_t fd;
    struct stat info;
    int code = -1;
    if (text != NULL) {
        bool is_pipe = yodel_parse_count(text, STDERR_FILENO + 1, INT32_MAX, &fd) == 0 &&
                       fstat((int)fd, &info) == 0 && S_ISFIFO(info.st_mode) &&
                       fcntl((int)fd, F_SETFD, FD_CLOEXEC) == 0;
        code = is_pipe ? (int)fd : -EBADF;
    }
    (void)unsetenv(YODEL_READY_VARIABLE);
    return code;
}

static void free_names(char **names, int count)
{
    for (int i = 0; names != NULL && i < count; i++) {
        free(names[i]);
    }
    free(names);
}

/* Who is what. */
static int sort(char *const *names, int count, yodel_inherited *inherited)
{
    inherited->listeners = calloc((size_t)count, sizeof(*inherited->listeners));
    if (inherited->listeners == NULL) {
        return -ENOMEM;
    }
    for (int i = 0; i < count; i++) {
        int fd = SD_LISTEN_FDS_START + i;
        if (strcmp(names[i], YODEL_INHERITED_ADMIN) != 0) {
            inherited->listeners[inherited->count++] = (yodel_inherited_listener){
                .fd = fd,
                .kept = strcmp(names[i], YODEL_INHERITED_LISTENER) != 0,
            };
        } else if (inherited->admin >= 0) {
            return -EEXIST;
        } else if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0 ||
                   fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
            return -EINVAL;
        } else {
            inherited->admin = fd;
        }
    }
    return 0;
}

int yodel_inherited_take(yodel_log *log, yodel_inherited *out)
{
    yodel_inherited inherited = {.admin = -1, .ready = take_ready()};
    if (inherited.ready < -1) {
        return complain(log, YODEL_READY_VARIABLE, inherited.ready);
    }
    char **names = NULL;
    int count = sd_listen_fds_with_names(1, &names);
    int code = count < 0 ? count : 0;
    if (code < 0) {
        (void)complain(log, "cannot take over the sockets of LISTEN_FDS", code);
    } else if (count > 0) {
        code = sort(names, count, &inherited);
        if (code == -EEXIST) {
            yodel_log_write(log, YODEL_LOG_ERROR,
                            "more than one inherited socket is named " YODEL_INHERITED_ADMIN);
        } else if (code == -EINVAL) {
            yodel_log_write(log, YODEL_LOG_ERROR,
                            "the inherited socket named " YODEL_INHERITED_ADMIN
                            " is not a listening stream socket");
        } else if (code < 0) {
            (void)complain(log, "cannot take over the sockets of LISTEN_FDS", code);
        }
    }
    free_names(names, count);
    if (code == 0 && inherited.ready >= 0 && inherited.count == 0) {
        code = -EINVAL;
        yodel_log_write(log, YODEL_LOG_ERROR,
                        "started for an upgrade, but LISTEN_FDS and LISTEN_PID name no sockets for "
                        "this process: a script that starts it has to use exec");
    }
    if (code < 0) {
        yodel_inherited_free(&inherited);
        return code;
    }
    *out = inherited;
    return 0;
}

void yodel_inherited_say_ready(yodel_inherited *inherited)
{
    static const char says = YODEL_READY_SAYS;
    if (inherited->ready < 0) {
        return;
    }
    while (write(inherited->ready, &says, sizeof(says)) < 0 && errno == EINTR) {
        /* again; any other failure means that nobody waits any more: this process serves anyway */
    }
    close(inherited->ready);
    inherited->ready = -1;
}

void yodel_inherited_free(yodel_inherited *inherited)
{
    if (inherited->ready >= 0) {
        close(inherited->ready);
        inherited->ready = -1;
    }
    free(inherited->listeners);
    inherited->listeners = NULL;
    inherited->count = 0;
}
