#include "tests/support/net_from.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/net.h"

int net_connect_from(const char *source, const char *host, uint16_t port)
{
    struct sockaddr_storage from;
    struct sockaddr_storage to;
    socklen_t from_len = net_address(source, 0, &from);
    socklen_t to_len = net_address(host, port, &to);
    const int on = 1;
    int fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        bind(fd, (struct sockaddr *)&from, from_len) != 0 ||
        connect(fd, (struct sockaddr *)&to, to_len) != 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

bool net_has_ipv6(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return has;
}

static void bring_up_loopback(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
    close(fd);
}

static void add_to_loopback(const char *text)
{
    struct in6_ifreq request = {.ifr6_prefixlen = 128, .ifr6_ifindex = (int)if_nametoindex("lo")};
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(inet_pton(AF_INET6, text, &request.ifr6_addr), 1);
    if (ioctl(fd, SIOCSIFADDR, &request) != 0) {
        fail_msg("cannot have the address %s: %s", text, strerror(errno));
    }
    close(fd);
}

bool net_own_namespace(const char *const addresses[])
{
    if (!net_has_ipv6() ||
        (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)) {
        return false;
    }
    bring_up_loopback();
    for (size_t i = 0; addresses[i] != NULL; i++) {
        add_to_loopback(addresses[i]);
    }
    return true;
}
