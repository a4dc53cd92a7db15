#include "tests/support/names.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"

/* --- the network -------------------------------------------------------------------------------*/

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0) {
        close(fd);
    }
    return written;
}

static bool put_in_place_of(const char *path, const char *text)
{
    char name[] = "/tmp/yodel-test-names-XXXXXX";
    int fd = mkstemp(name);
    if (fd < 0) {
        return false;
    }
    bool done = fchmod(fd, 0644) == 0 && write_file(name, text) &&
                mount(name, path, NULL, MS_BIND, NULL) == 0;
    close(fd);
    unlink(name);
    return done;
}

static bool bring_loopback_up(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool up = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return up;
}

bool names_begin(const char *hosts)
{
    uid_t uid = getuid();
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0) {
        char map[64];
        if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) < 0) {
            return false;
        }
        (void)snprintf(map, sizeof map, "%u %u 1", (unsigned)uid, (unsigned)uid);
        if (!write_file("/proc/self/uid_map", map)) {
            return false;
        }
    }
    /* c-ares reads RES_OPTIONS, too; its times are made short. */
    (void)unsetenv("RES_OPTIONS");
    (void)unsetenv("LOCALDOMAIN");
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && bring_loopback_up() &&
           put_in_place_of("/etc/hosts", hosts) &&
           put_in_place_of("/etc/resolv.conf",
                           "nameserver 127.0.0.1\n"
                           "options retrans:200 retry:2 timeout:1 attempts:2\n");
}

/* --- the name server ---------------------------------------------------------------------------*/

enum { HEADER = 12, TYPE_A = 1, TYPE_AAAA = 28, NXDOMAIN = 3 };

typedef struct message {
    uint8_t bytes[1024];
    size_t len;
} message;

static void add(message *m, const void *data, size_t len)
{
    assert_true(len <= sizeof m->bytes - m->len);
    memcpy(m->bytes + m->len, data, len);
    m->len += len;
}

static void add_16(message *m, unsigned value)
{
    uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};
    add(m, bytes, sizeof bytes);
}

/* The question's name as text. Returns where its type stands. */
static size_t read_name(const message *m, char *name, size_t size)
{
    size_t at = HEADER;
    size_t used = 0;
    while (at < m->len && m->bytes[at] != 0) {
        size_t label = m->bytes[at++];
        if (used > 0 && used < size - 1) {
            name[used++] = '.';
        }
        for (size_t i = 0; i < label && at < m->len; i++, at++) {
            if (used < size - 1) {
                name[used++] = (char)m->bytes[at];
            }
        }
    }
    name[used] = '\0';
    return at + 1;
}

static void add_record(message *m, unsigned type, const void *data, size_t len)
{
    add_16(m, 0xC00C); /* the question's name */
    add_16(m, type);
    add_16(m, 1); /* IN */
    add_16(m, 0); /* to be kept for 0 seconds */
    add_16(m, 0);
    add_16(m, (unsigned)len);
    add(m, data, len);
    m->bytes[7]++; /* number of answers */
}

static void add_addresses(message *m, const char *addresses, unsigned type)
{
    char words[512];
    char *rest = words;
    (void)snprintf(words, sizeof words, "%s", addresses);
    for (char *word; (word = strtok_r(rest, " ", &rest)) != NULL;) {
        uint8_t address[16];
        if (type == TYPE_A && inet_pton(AF_INET, word, address) == 1) {
            add_record(m, type, address, 4);
        } else if (type == TYPE_AAAA && inet_pton(AF_INET6, word, address) == 1) {
            add_record(m, type, address, 16);
        }
    }
}

static names_answer *find(names_server *server, const char *name)
{
    for (size_t i = 0; i < server->count; i++) {
        if (strcasecmp(server->answers[i].name, name) == 0) {
            return &server->answers[i];
        }
    }
    return NULL;
}

static void on_question(struct ev_loop *ev, ev_io *io, int revents)
{
    names_server *server = (names_server *)(void *)io;
    struct sockaddr_storage from;
    socklen_t from_len = sizeof from;
    message m;
    char name[256];
    (void)ev;
    (void)revents;
    ssize_t n = recvfrom(io->fd, m.bytes, sizeof m.bytes, 0, (struct sockaddr *)&from, &from_len);
    if (n < HEADER) {
        return;
    }
    m.len = (size_t)n;
    server->questions++;
    size_t type_at = read_name(&m, name, sizeof name);
    unsigned type = (unsigned)m.bytes[type_at] << 8 | m.bytes[type_at + 1];
    names_answer *answer = find(server, name);
    if (answer != NULL && answer->lose > 0) {
        answer->lose -= answer->lose < UINT_MAX ? 1 : 0;
        return;
    }
    m.len = type_at + 4; /* less what may stand behind the question */
    m.bytes[2] = 0x81;   /* a response */
    m.bytes[3] = (uint8_t)(0x80 | (answer != NULL ? answer->rcode : NXDOMAIN));
    memset(m.bytes + 6, 0, 6);
    if (answer != NULL && answer->rcode == 0) {
        add_addresses(&m, answer->addresses, type);
    }
    (void)sendto(io->fd, m.bytes, m.len, 0, (struct sockaddr *)&from, from_len);
}

void names_server_start(names_server *server, yodel_loop *loop, names_answer *answers, size_t count)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(53)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    *server = (names_server){.loop = loop, .answers = answers, .count = count};
    ev_io_init(&server->io, on_question, fd, EV_READ);
    ev_io_start(yodel_loop_ev(loop), &server->io);
}

void names_server_stop(names_server *server)
{
    ev_io_stop(yodel_loop_ev(server->loop), &server->io);
    close(server->io.fd);
}
