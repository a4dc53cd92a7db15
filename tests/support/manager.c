#include "tests/support/manager.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/files.h"
#include "tests/support/net.h"

enum { MOST_ARGS = 40 };

void manager_open(manager *m)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[FILES_PATH];
    int on = 1;
    files_path("notify", path);
    assert_true(strlen(path) < sizeof address.sun_path);
    (void)unlink(path);
    strcpy(address.sun_path, path);
    (void)snprintf(m->variable, sizeof m->variable, "NOTIFY_SOCKET=%s", address.sun_path);
    m->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(m->socket >= 0);
    assert_int_equal(setsockopt(m->socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
    assert_int_equal(bind(m->socket, (struct sockaddr *)&address, sizeof address), 0);
}

void manager_close(manager *m)
{
    close(m->socket);
}

static void receive(manager *m, manager_message *message)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec part = {.iov_base = message->text, .iov_len = sizeof message->text - 1};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof control};
    ssize_t n = recvmsg(m->socket, &header, 0);
    struct cmsghdr *first = CMSG_FIRSTHDR(&header);
    struct ucred sender;
    assert_true(n > 0 && first != NULL && first->cmsg_type == SCM_CREDENTIALS);
    memcpy(&sender, CMSG_DATA(first), sizeof sender);
    message->text[n] = '\0';
    message->sender = sender.pid;
}

manager_message manager_expect(manager *m, const char *beginning)
{
    manager_message message = {0};
    if (!net_wait_readable(m->socket, (unsigned)(NET_TIMEOUT * 1000))) {
        fail_msg("no message \"%s\"", beginning);
    }
    receive(m, &message);
    if (strncmp(message.text, beginning, strlen(beginning)) != 0) {
        fail_msg("\"%s\" was said, not \"%s\"", message.text, beginning);
    }
    return message;
}

size_t manager_take(manager *m, const char *text)
{
    size_t count = 0;
    while (net_wait_readable(m->socket, 0)) {
        manager_message message = {0};
        receive(m, &message);
        count += strcmp(message.text, text) == 0;
    }
    return count;
}

int manager_listen(uint16_t *port)
{
    int fd = net_reserve(port);
    assert_int_equal(listen(fd, 100), 0);
    return fd;
}

program *manager_start(const int *fds, size_t count, const char *names, const char *const *env,
                       const char *const argv[])
{
    const char *dir = getenv("YODEL_BIN_DIR");
    net_text script = {0};
    const char *args[MOST_ARGS + 1] = {"/bin/sh", "-c"};
    size_t n = 3;
    net_text_printf(&script, "export LISTEN_PID=$$ LISTEN_FDS=%zu", count);
    if (names != NULL) {
        net_text_printf(&script, " LISTEN_FDNAMES=%s", names);
    }
    net_text_printf(&script, "; exec %s/\"$0\" \"$@\"", dir != NULL ? dir : YODEL_BIN_DIR);
    args[2] = script.data;
    for (size_t i = 0; argv[i] != NULL; i++) {
        assert_true(n < MOST_ARGS);
        args[n++] = argv[i];
    }
    args[n] = NULL;
    const program_options options = {.env = env, .more_fds = fds, .more_count = count};
    program *p = program_start_argv(&options, args);
    net_text_free(&script);
    return p;
}
