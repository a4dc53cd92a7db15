#include "core/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <netinet/tcp.h>
#include <unistd.h>

static int set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) == 0 ? 0 : -errno;
}

static int get_option(int fd, int name, int *value)
{
    socklen_t size = sizeof *value;

    return getsockopt(fd, SOL_SOCKET, name, value, &size) == 0 ? 0 : -errno;
}

/* In ms and rounded up: 0 is the kernel's default, for us as for it. */
static int set_user_timeout(int fd, double seconds)
{
    double ms = ceil(seconds * 1000.0);

    return set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, ms >= INT_MAX ? INT_MAX : (int)ms);
}

static int set_inherited_options(int fd, int family, double user_timeout)
{
    if (family == AF_UNIX) {
        return 0;
    }
    int code = set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);

    if (code == 0) {
        code = set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    }
    return code != 0 ? code : set_user_timeout(fd, user_timeout);
}

static int set_own_options(int fd, int family)
{
    int code = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);

    if (code == 0) {
        code = set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    }
    if (code == 0 && family == AF_INET6) {
        code = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    }
    return code;
}

/* Everything after socket(2): one place to fail, so that one place closes. */
static int bind_and_listen(int fd, const yodel_address *address, int backlog, double user_timeout,
                           yodel_address *bound)
{
    const struct sockaddr *sockaddr = (const struct sockaddr *)&address->storage;
    int code = set_own_options(fd, address->storage.ss_family);

    if (code == 0) {
        code = set_inherited_options(fd, address->storage.ss_family, user_timeout);
    }
    if (code == 0 && (bind(fd, sockaddr, address->len) != 0 || listen(fd, backlog) != 0)) {
        code = -errno;
    }
    return code != 0 ? code : yodel_address_of_socket(fd, bound);
}

int yodel_listener_open(const yodel_address *address, int backlog, double user_timeout,
                        yodel_listener *out)
{
    yodel_address bound;
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int code;

    if (fd < 0) {
        return -errno;
    }
    code = bind_and_listen(fd, address, backlog, user_timeout, &bound);
    if (code != 0) {
        close(fd);
        return code;
    }
    *out = (yodel_listener){.fd = fd, .address = bound};
    return 0;
}

int yodel_listener_open_unix(const yodel_address *address, int backlog,
                             const yodel_socket_access *access, yodel_listener *out)
{
    yodel_listener listener = {.address = *address};
    int code;

    listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener.fd < 0) {
        return -errno;
    }
    code = yodel_socket_file_bind(listener.fd, address, access, &listener.file);
    if (code == 0 && listen(listener.fd, backlog) != 0) {
        code = -errno;
    }
    if (code != 0) {
        yodel_listener_close(&listener);
        return code;
    }
    *out = listener;
    return 0;
}

static int check_listening(int fd)
{
    int type;
    int listening;
    int family;
    int code = get_option(fd, SO_TYPE, &type);

    if (code == 0) {
        code = get_option(fd, SO_ACCEPTCONN, &listening);
    }
    if (code == 0) {
        code = get_option(fd, SO_DOMAIN, &family);
    }
    if (code != 0) {
        return code;
    }
    if (type != SOCK_STREAM || !listening) {
        return -EINVAL;
    }
    return family == AF_INET || family == AF_INET6 || family == AF_UNIX ? 0 : -EAFNOSUPPORT;
}

static int set_fd_flags(int fd)
{
    int status = fcntl(fd, F_GETFL);
    int flags = fcntl(fd, F_GETFD);

    if (status < 0 || flags < 0 || fcntl(fd, F_SETFL, status | O_NONBLOCK) != 0 ||
        fcntl(fd, F_SETFD, flags | FD_CLOEXEC) != 0) {
        return -errno;
    }
    return 0;
}

int yodel_listener_inherit(int fd, double user_timeout, yodel_listener *out)
{
    yodel_address bound;
    int code = check_listening(fd);

    if (code == 0) {
        code = yodel_address_of_socket(fd, &bound);
    }
    if (code == 0) {
        code = set_inherited_options(fd, bound.storage.ss_family, user_timeout);
    }
    if (code == 0) {
        code = set_fd_flags(fd);
    }
    if (code == 0) {
        *out = (yodel_listener){.fd = fd, .address = bound, .inherited = true};
    }
    return code;
}

void yodel_listener_hide(yodel_listener *listener)
{
    yodel_socket_file_remove(&listener->file, &listener->address);
}

void yodel_listener_close(yodel_listener *listener)
{
    if (listener != NULL && listener->fd >= 0) {
        yodel_listener_hide(listener);
        close(listener->fd);
        listener->fd = -1;
    }
}
