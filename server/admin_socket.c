#include "server/admin_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 256

static int listen_on(const yodel_address *address, int *out)
{
    int family = address->storage.ss_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    int on = 1;
    int result = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (result == 0 && family == AF_INET6) {
        result = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    }
    if (result == 0) {
        result = bind(fd, (const struct sockaddr *)&address->storage, address->len);
    }
    if (result == 0) {
        result = listen(fd, BACKLOG);
    }
    if (result < 0) {
        int code = -errno;
        close(fd);
        return code;
    }
    *out = fd;
    return 0;
}

int yodel_admin_socket_open(const yodel_endpoint *endpoint, int *fd)
{
    yodel_address *list;
    size_t count;
    int code = yodel_address_resolve(endpoint->host, endpoint->port, &list, &count);
    if (code < 0) {
        return code;
    }
    code = -EADDRNOTAVAIL;
    for (size_t i = 0; i < count && (code == -EADDRNOTAVAIL || code == -EAFNOSUPPORT); i++) {
        code = listen_on(&list[i], fd);
    }
    free(list);
    return code;
}

bool yodel_admin_socket_is_local(const yodel_address *address)
{
    if (address->storage.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address->storage;
        return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
    }
    if (address->storage.ss_family == AF_UNIX) {
        return true;
    }
    const struct sockaddr_in *in = (const struct sockaddr_in *)&address->storage;
    return address->storage.ss_family == AF_INET &&
           (ntohl(in->sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
}
