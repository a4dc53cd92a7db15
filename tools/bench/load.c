/*
 * bench-load: the benchmarks' load generator. One thread, one epoll: cheap enough to keep a
 * server's core busy.
 *
 *     bench-load [OPTION...] steady PORT[,PORT] SECONDS CONNECTIONSxDEPTHxBYTES...
 *         DEPTH lines of BYTES bytes are in flight on each of CONNECTIONS connections: each time
 *         that all DEPTH answers are there the next DEPTH lines leave in one write. Several groups
 *         of connections may run side by side.
 *     bench-load [OPTION...] churn PORT SECONDS CONNECTIONS BYTES
 *         CONNECTIONS at a time connect, send a line, await its answer and close.
 *
 *     -p PREFIX   what the server puts before each line (default "You sent: ")
 *     -s PID,...  the server's processes: their CPU time is counted
 *     -w SECONDS  warm up for so long first (default 0.2)
 *
 * Everything is on 127.0.0.1. BYTES are a line's with its CRLF. Every line differs from those
 * around it, and every byte of every answer is compared: one that is wrong ends the run with
 * status 3. Prints one line of JSON; what it counts, it counts between the end of the warm-up and
 * the end:
 *
 *     seconds    how long that was
 *     messages   lines answered, of all groups
 *     cpu_ns     user and system time of the server's processes
 *     p50_us, p99_us   steady: from sending a batch to its last answer, in the last group
 */
#include "core/clock.h"

#include <arpa/inet.h>
#include <err.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORTS_MAX     8
#define PROCESSES_MAX 8
#define SAMPLES_MAX   ((size_t)4 * 1024 * 1024)
#define PATIENCE_MS   10000

/* One address has 28,000 ports to connect from, each busy for a second after its connection. */
#define SOURCES 4

typedef struct group {
    size_t connections;
    size_t depth;
    size_t bytes;
} group;

typedef struct connection {
    struct connection *next; /* of all */
    int fd;
    bool last_group;
    size_t depth;
    uint8_t *lines; /* a batch */
    size_t lines_len;
    uint8_t *answers; /* to it */
    size_t answers_len;
    size_t received;
    uint64_t sent_at;
} connection;

static const char *prefix = "You sent: ";
static double warm_up = 0.2;
static uint16_t ports[PORTS_MAX];
static size_t port_count;
static clockid_t processes[PROCESSES_MAX];
static size_t process_count;
static int poller;
static connection *all; /* they live as long as the process */

/* What is measured. */
static uint64_t answered;
static uint32_t *samples; /* nanoseconds */
static size_t sample_count;
static bool sampling;

static void *must(void *memory)
{
    if (memory == NULL) {
        errx(1, "no memory");
    }
    return memory;
}

/* --- arguments --- */

static _Noreturn void usage(void)
{
    errx(2, "usage: bench-load [-p PREFIX] [-s PID,...] [-w SECONDS]\n"
            "           steady PORT[,PORT] SECONDS CONNECTIONSxDEPTHxBYTES... |\n"
            "           churn PORT SECONDS CONNECTIONS BYTES");
}

/* A whole number above 0; what follows it is what *text points at then. */
static size_t take_number(const char **text)
{
    char *rest;
    unsigned long value = strtoul(*text, &rest, 10);
    if (rest == *text || value == 0 || **text == '-') {
        errx(2, "'%s' is not a number above 0", *text);
    }
    *text = rest;
    return value;
}

static size_t to_number(const char *text)
{
    size_t value = take_number(&text);
    if (*text != '\0') {
        usage();
    }
    return value;
}

static double to_seconds(const char *text)
{
    char *rest;
    double value = strtod(text, &rest);
    if (rest == text || *rest != '\0' || !(value >= 0 && value < 1e6)) {
        errx(2, "'%s' is not a number of seconds", text);
    }
    return value;
}

static void take_ports(const char *text)
{
    do {
        if (port_count == PORTS_MAX) {
            errx(2, "more than %d ports", PORTS_MAX);
        }
        ports[port_count++] = (uint16_t)take_number(&text);
    } while (*text++ == ',');
}

static void take_processes(const char *text)
{
    do {
        size_t pid = take_number(&text);
        if (process_count == PROCESSES_MAX ||
            clock_getcpuclockid((pid_t)pid, &processes[process_count++]) != 0) {
            errx(2, "cannot count the CPU time of process %zu", pid);
        }
    } while (*text++ == ',');
}

static group to_group(const char *text)
{
    group g;
    g.connections = take_number(&text);
    if (*text++ != 'x') {
        usage();
    }
    g.depth = take_number(&text);
    if (*text++ != 'x') {
        usage();
    }
    g.bytes = to_number(text);
    if (g.bytes < 3) {
        errx(2, "a line has 3 bytes or more");
    }
    return g;
}

/* --- connections --- */

static int connect_next(void)
{
    static uint32_t count;
    struct sockaddr_in from = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK + count % SOURCES),
    };
    struct sockaddr_in to = {
        .sin_family = AF_INET,
        .sin_port = htons(ports[count % port_count]),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    count++;
    if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
        bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0 ||
        connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
        err(1, "cannot connect to port %u", ntohs(to.sin_port));
    }
    return fd;
}

/* Letters that differ from line to line and from connection to connection, so that an answer to
 * another line is noticed. */
static void fill_line(uint8_t *line, size_t bytes)
{
    static uint64_t state = 88172645463325252;
    for (size_t i = 0; i < bytes - 2; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        line[i] = (uint8_t)('a' + state % 26);
    }
    memcpy(line + bytes - 2, "\r\n", 2);
}

static void prepare(connection *c, size_t depth, size_t bytes)
{
    size_t prefix_len = strlen(prefix);
    c->depth = depth;
    c->lines_len = depth * bytes;
    c->answers_len = depth * (prefix_len + bytes);
    c->lines = must(malloc(c->lines_len));
    c->answers = must(malloc(c->answers_len));
    for (size_t i = 0; i < depth; i++) {
        uint8_t *answer = c->answers + i * (prefix_len + bytes);
        fill_line(c->lines + i * bytes, bytes);
        memcpy(answer, prefix, prefix_len);
        memcpy(answer + prefix_len, c->lines + i * bytes, bytes);
    }
}

static void watch(connection *c)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event) < 0) {
        err(1, "epoll_ctl");
    }
}

static void send_batch(connection *c, uint64_t now)
{
    const uint8_t *data = c->lines;
    size_t len = c->lines_len;
    c->received = 0;
    c->sent_at = now;
    while (len > 0) {
        ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL);
        if (n < 0) {
            err(1, "send");
        }
        data += n;
        len -= (size_t)n;
    }
}

/* True when the batch is answered. */
static bool receive_some(connection *c)
{
    static uint8_t bytes[256 * 1024];
    ssize_t n = recv(c->fd, bytes, sizeof(bytes), 0);
    if (n < 0) {
        err(1, "recv");
    }
    if (n == 0) {
        errx(1, "the server closed");
    }
    if ((size_t)n > c->answers_len - c->received ||
        memcmp(bytes, c->answers + c->received, (size_t)n) != 0) {
        errx(3, "the server answered something else");
    }
    c->received += (size_t)n;
    return c->received == c->answers_len;
}

/* --- measuring --- */

static uint64_t cpu_time(void)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < process_count; i++) {
        struct timespec used;
        if (clock_gettime(processes[i], &used) != 0) {
            err(1, "the server's CPU time");
        }
        sum += (uint64_t)used.tv_sec * YODEL_NS_PER_SEC + (uint64_t)used.tv_nsec;
    }
    return sum;
}

static void take_sample(const connection *c, uint64_t now)
{
    uint64_t ns = now - c->sent_at;
    if (sampling && c->last_group && sample_count < SAMPLES_MAX) {
        samples[sample_count++] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
    }
}

static void on_steady(connection *c)
{
    if (receive_some(c)) {
        uint64_t now = yodel_clock_now();
        answered += c->depth;
        take_sample(c, now);
        send_batch(c, now);
    }
}

static void on_churn(connection *c)
{
    if (receive_some(c)) {
        answered++;
        close(c->fd);
        c->fd = connect_next();
        watch(c);
        send_batch(c, 0);
    }
}

static void serve_until(uint64_t end, void (*on_answer)(connection *c))
{
    do {
        struct epoll_event events[256];
        int n = epoll_wait(poller, events, 256, PATIENCE_MS);
        if (n == 0) {
            errx(1, "no answer for %d seconds", PATIENCE_MS / 1000);
        }
        for (int i = 0; i < n; i++) {
            on_answer(events[i].data.ptr);
        }
    } while (yodel_clock_now() < end);
}

static int by_size(const void *a, const void *b)
{
    const uint32_t *x = a;
    const uint32_t *y = b;
    return (*x > *y) - (*x < *y);
}

static double percentile_us(size_t percent)
{
    if (sample_count == 0) {
        return 0;
    }
    size_t at = (sample_count - 1) * percent / 100;
    return (double)samples[at] / 1e3;
}

static void measure(double seconds, void (*on_answer)(connection *c))
{
    serve_until(yodel_clock_after(warm_up), on_answer);
    answered = 0;
    sampling = true;
    uint64_t cpu = cpu_time();
    uint64_t begin = yodel_clock_now();
    serve_until(begin + yodel_clock_from_seconds(seconds), on_answer);
    uint64_t end = yodel_clock_now();
    cpu = cpu_time() - cpu;

    qsort(samples, sample_count, sizeof(*samples), by_size);
    printf("{\"seconds\": %.6f, \"messages\": %" PRIu64 ", \"cpu_ns\": %" PRIu64
           ", \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
           (double)(end - begin) / 1e9, answered, cpu, percentile_us(50), percentile_us(99));
}

/* --- the kinds of work --- */

static void start(const group *g, bool last_group)
{
    const connection *before = all;
    for (size_t i = 0; i < g->connections; i++) {
        connection *c = must(calloc(1, sizeof(*c)));
        prepare(c, g->depth, g->bytes);
        c->last_group = last_group;
        c->fd = connect_next();
        watch(c);
        c->next = all;
        all = c;
    }
    for (connection *c = all; c != before; c = c->next) {
        send_batch(c, yodel_clock_now());
    }
}

static void steady(double seconds, int count, char **groups)
{
    for (int i = 0; i < count; i++) {
        group g = to_group(groups[i]);
        start(&g, i == count - 1);
    }
    measure(seconds, on_steady);
}

static void churn(double seconds, size_t connections, size_t bytes)
{
    const group g = {.connections = connections, .depth = 1, .bytes = bytes};
    start(&g, true);
    measure(seconds, on_churn);
}

int main(int argc, char *argv[])
{
    int option;
    while ((option = getopt(argc, argv, "+p:s:w:")) != -1) {
        switch (option) {
        case 'p':
            prefix = optarg;
            break;
        case 's':
            take_processes(optarg);
            break;
        case 'w':
            warm_up = to_seconds(optarg);
            break;
        default:
            usage();
        }
    }
    argc -= optind;
    argv += optind;
    if (argc < 4) {
        usage();
    }
    take_ports(argv[1]);
    samples = must(malloc(SAMPLES_MAX * sizeof(*samples)));
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (poller < 0) {
        err(1, "epoll_create1");
    }
    if (strcmp(argv[0], "steady") == 0) {
        steady(to_seconds(argv[2]), argc - 3, argv + 3);
    } else if (strcmp(argv[0], "churn") == 0 && argc == 5) {
        churn(to_seconds(argv[2]), to_number(argv[3]), to_number(argv[4]));
    } else {
        usage();
    }
    return 0;
}
