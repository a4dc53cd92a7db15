#include "tests/support/fixture.h"

#include "core/clock.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"

enum { SMALL_RECEIVE_BUFFER = 8192 };

/* --- life --------------------------------------------------------------------------------------*/

static void keep_line(yodel_log *log, yodel_log_level level, const char *msg, size_t len)
{
    fixture_log *kept = (fixture_log *)(void *)log;
    (void)level;
    net_text_add(&kept->text, msg, len);
    net_text_add(&kept->text, "\n", 1);
    kept->lines++;
}

int fixture_setup(void **state)
{
    /* The counters ask for a cache line of their own. */
    fixture *f = aligned_alloc(_Alignof(fixture), sizeof *f);
    if (f == NULL) {
        return -1;
    }
    memset(f, 0, sizeof *f);
    f->limit.max = 1000;
    f->log.log = (yodel_log){.level = YODEL_LOG_INFO, .sink = keep_line};
    if (yodel_loop_new(&f->loop) != 0) {
        free(f);
        return -1;
    }
    *state = f;
    return 0;
}

void fixture_start(fixture *f, const yodel_transport_settings *settings)
{
    f->settings = *settings;
    if (f->settings.write_limits.hard == 0) {
        f->settings.write_limits =
            (yodel_write_limits){.high = 65536, .low = 16384, .hard = 1024 * 1024};
    }
    if (f->settings.limit == NULL) {
        f->settings.limit = &f->limit;
    }
    if (f->settings.log == NULL) {
        f->settings.log = &f->log.log;
    }
    assert_int_equal(yodel_transport_group_new(f->loop, &f->settings, &f->counters, &f->group), 0);
}

/* What DESIGN section 5 asks of every end: no connection is lost track of. */
static int account(const fixture *f, const char *when)
{
    uint64_t accepted = fixture_count(f, YODEL_COUNT_ACCEPTED);
    uint64_t active = fixture_count(f, YODEL_COUNT_ACTIVE);
    uint64_t closed = yodel_counters_closed(&f->counters);
    if (accepted == active + closed) {
        return 0;
    }
    print_error("%s: accepted=%llu, active=%llu, closed=%llu\n", when, (unsigned long long)accepted,
                (unsigned long long)active, (unsigned long long)closed);
    return -1;
}

int fixture_teardown(void **state)
{
    fixture *f = *state;
    int result = account(f, "before the group is freed");
    yodel_transport_group_free(f->group);
    if (account(f, "after the group is freed") != 0) {
        result = -1;
    }
    if (fixture_count(f, YODEL_COUNT_ACTIVE) != 0 || atomic_load(&f->limit.open) != 0) {
        print_error("active=%llu, open=%zu in a group that was freed\n",
                    (unsigned long long)fixture_count(f, YODEL_COUNT_ACTIVE),
                    atomic_load(&f->limit.open));
        result = -1;
    }
    yodel_loop_free(f->loop);
    for (size_t i = 0; i < f->clients; i++) {
        close(f->client[i]);
    }
    net_text_free(&f->log.text);
    free(f);
    return result;
}

/* --- clients -----------------------------------------------------------------------------------*/

static void set_buffer(int fd, int option, int size)
{
    assert_int_equal(setsockopt(fd, SOL_SOCKET, option, &size, sizeof size), 0);
}

/* Not the smallest receive buffer that there is (net_connect_tiny): one that holds a single segment
 * makes TCP stop and wait for its timers, 200 ms for half a KiB, as soon as the machine is busy. */
static int connect_small(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    set_buffer(fd, SO_RCVBUF, SMALL_RECEIVE_BUFFER); /* only counts before connect */
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    int on = 1;
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    return fd;
}

void fixture_pair(int pair[2], bool small)
{
    uint16_t port;
    int listener = net_listen(&port);
    pair[1] = small ? connect_small(port) : net_connect(port);
    pair[0] = net_accept(listener);
    close(listener);
    assert_int_equal(fcntl(pair[0], F_SETFL, fcntl(pair[0], F_GETFL) | O_NONBLOCK), 0);
    if (small) {
        set_buffer(pair[0], SO_SNDBUF, 1); /* the kernel makes its minimum of it */
    }
}

static int connect_client(fixture *f, bool small)
{
    int pair[2];
    assert_true(f->clients < FIXTURE_CLIENTS);
    fixture_pair(pair, small);
    f->client[f->clients++] = pair[1];
    yodel_transport_group_adopt(f->group, pair[0]);
    return pair[1];
}

int fixture_connect(fixture *f)
{
    return connect_client(f, false);
}

int fixture_connect_small(fixture *f)
{
    return connect_client(f, true);
}

void fixture_disconnect(fixture *f, int client, bool reset)
{
    size_t i = 0;
    while (i < f->clients && f->client[i] != client) {
        i++;
    }
    assert_true(i < f->clients);
    f->client[i] = f->client[--f->clients];
    if (reset) {
        net_reset(client);
    } else {
        close(client);
    }
}

/* --- running the loop --------------------------------------------------------------------------*/

typedef struct watch {
    ev_timer tick; /* first */
    yodel_loop *loop;
    bool (*condition)(void *arg);
    void *arg;
    uint64_t deadline;
    bool met;
} watch;

static void on_tick(struct ev_loop *ev, ev_timer *tick, int revents)
{
    watch *w = (watch *)(void *)tick;
    (void)ev;
    (void)revents;
    w->met = w->condition(w->arg);
    if (w->met || yodel_clock_now() > w->deadline) {
        yodel_loop_stop(w->loop);
    }
}

bool fixture_run_loop(yodel_loop *loop, bool (*condition)(void *arg), void *arg)
{
    watch w = {.loop = loop,
               .condition = condition,
               .arg = arg,
               .deadline = yodel_clock_after(NET_TIMEOUT)};
    ev_timer_init(&w.tick, on_tick, 0.0, 0.001);
    ev_timer_start(yodel_loop_ev(loop), &w.tick);
    yodel_loop_run(loop);
    ev_timer_stop(yodel_loop_ev(loop), &w.tick);
    return w.met || condition(arg);
}

void fixture_run_until(fixture *f, bool (*condition)(void *arg), void *arg, const char *what)
{
    if (!fixture_run_loop(f->loop, condition, arg)) {
        fail_msg("did not happen in %.0f s: %s", NET_TIMEOUT, what);
    }
}

static bool is_true(void *arg)
{
    return *(const bool *)arg;
}

void fixture_run_until_true(fixture *f, const bool *flag, const char *what)
{
    fixture_run_until(f, is_true, (void *)(uintptr_t)flag, what);
}

typedef struct count_wanted {
    const size_t *number;
    size_t n;
} count_wanted;

static bool has_count(void *arg)
{
    const count_wanted *wanted = arg;
    return *wanted->number >= wanted->n;
}

void fixture_run_until_count(fixture *f, const size_t *number, size_t n, const char *what)
{
    count_wanted wanted = {number, n};
    fixture_run_until(f, has_count, &wanted, what);
}

typedef struct quiet {
    ev_idle idle; /* first; called in turns in which nothing else is to be done */
    yodel_loop *loop;
    unsigned turns;
} quiet;

static void on_quiet(struct ev_loop *ev, ev_idle *idle, int revents)
{
    quiet *q = (quiet *)(void *)idle;
    (void)ev;
    (void)revents;
    /* More than one: this very turn's deferred work may have made something ready. */
    if (++q->turns == 3) {
        yodel_loop_stop(q->loop);
    }
}

void fixture_settle_loop(yodel_loop *loop)
{
    quiet q = {.loop = loop};
    ev_idle_init(&q.idle, on_quiet);
    ev_set_priority(&q.idle, EV_MINPRI);
    ev_idle_start(yodel_loop_ev(loop), &q.idle);
    yodel_loop_run(loop);
    ev_idle_stop(yodel_loop_ev(loop), &q.idle);
}

void fixture_settle(fixture *f)
{
    fixture_settle_loop(f->loop);
}

typedef struct active_wanted {
    const fixture *f;
    uint64_t n;
} active_wanted;

static bool has_active(void *arg)
{
    const active_wanted *wanted = arg;
    return fixture_count(wanted->f, YODEL_COUNT_ACTIVE) == wanted->n;
}

void fixture_wait_active(fixture *f, uint64_t n)
{
    active_wanted wanted = {f, n};
    if (!fixture_run_loop(f->loop, has_active, &wanted)) {
        fail_msg("%llu connections are active, not %llu",
                 (unsigned long long)fixture_count(f, YODEL_COUNT_ACTIVE), (unsigned long long)n);
    }
}

/* --- what the group says -----------------------------------------------------------------------*/

uint64_t fixture_count(const fixture *f, yodel_counter counter)
{
    return yodel_counters_get(&f->counters, counter);
}

bool fixture_logged(const fixture *f, const char *text)
{
    return f->log.text.data != NULL && strstr(f->log.text.data, text) != NULL;
}
