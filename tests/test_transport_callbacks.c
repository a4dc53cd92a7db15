/*
 * Protocols that misbehave (FAULTS 20): every callback fails, closes, aborts, pauses and writes to
 * its own connection and to a neighbour, in every state that the neighbour may be in. However it
 * goes, each connection ends once, and the others are served.
 */
#include "core/error.h"
#include "core/transport_group.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/fixture.h"
#include "tests/support/probe.h"

/* --- what is done where, to whom ---------------------------------------------------------------*/

enum hook { MADE, DATA, FIN, PAUSE, RESUME, DRAIN, LOST, HOOKS };
static const char *const hook_names[] = {"made", "data", "eof", "pause", "resume", "drain", "lost"};

enum action {
    FAIL,
    CLOSE_SELF,
    CLOSE_AND_FAIL,
    ABORT_SELF,
    WRITE_SELF,
    WRITE_MUCH_TO_SELF,
    PAUSE_SELF,
    PAUSE_AND_RESUME_SELF,
    REDELIVER_SELF,
    CLOSE_OTHER,
    ABORT_OTHER,
    WRITE_OTHER,
    WRITE_MUCH_TO_OTHER,
    WRITE_OTHER_AND_ABORT_IT,
    PAUSE_OTHER,
    RESUME_OTHER,
    TIGHTEN_OTHER,
    ABORT_ALL,
    ACTIONS
};
static const char *const action_names[] = {
    "fails",
    "closes itself",
    "closes itself and fails",
    "aborts itself",
    "writes to itself",
    "writes much to itself",
    "pauses itself",
    "pauses and resumes itself",
    "has itself redelivered",
    "closes a neighbour",
    "aborts a neighbour",
    "writes to a neighbour",
    "writes much to a neighbour",
    "writes to a neighbour and aborts it",
    "pauses a neighbour",
    "resumes a neighbour",
    "tightens a neighbour's limits",
    "aborts all",
};

/* The neighbour's state. */
enum other { IDLE, KEEPING_INPUT, OUTPUT_WAITING, OTHERS };
static const char *const other_names[] = {"is idle", "keeps input", "has output waiting"};

typedef struct scene {
    fixture *f;
    enum hook hook;
    enum action action;
    enum other other;
    bool acted;
    bool filled; /* its output was made to wait */
} scene;

static char much[100000];

static int act(probe *p, enum hook hook)
{
    scene *s = p->plan->arg;
    if (p->index != 0 || hook != s->hook || s->acted) {
        return 0;
    }
    s->acted = true;
    yodel_transport *self = p->transport;
    yodel_transport *other = p->plan->of[1] != NULL ? p->plan->of[1]->transport : self;
    switch (s->action) {
    case FAIL:
        return -EIO;
    case CLOSE_SELF:
        yodel_transport_close(self, 0);
        break;
    case CLOSE_AND_FAIL:
        yodel_transport_close(self, 0);
        return -EIO;
    case ABORT_SELF:
        yodel_transport_abort(self, -ECANCELED);
        break;
    case WRITE_SELF:
        (void)yodel_transport_write(self, "self", 4);
        break;
    case WRITE_MUCH_TO_SELF:
        (void)yodel_transport_write(self, much, sizeof much);
        break;
    case PAUSE_SELF:
        yodel_transport_pause_reading(self);
        break;
    case PAUSE_AND_RESUME_SELF:
        yodel_transport_pause_reading(self);
        yodel_transport_resume_reading(self);
        break;
    case REDELIVER_SELF:
        yodel_transport_redeliver(self);
        break;
    case CLOSE_OTHER:
        yodel_transport_close(other, 0);
        break;
    case ABORT_OTHER:
        yodel_transport_abort(other, -ECANCELED);
        break;
    case WRITE_OTHER:
        (void)yodel_transport_write(other, "other", 5);
        break;
    case WRITE_MUCH_TO_OTHER:
        (void)yodel_transport_write(other, much, sizeof much);
        break;
    case WRITE_OTHER_AND_ABORT_IT:
        (void)yodel_transport_write(other, "other", 5);
        yodel_transport_abort(other, -ECANCELED);
        break;
    case PAUSE_OTHER:
        yodel_transport_pause_reading(other);
        break;
    case RESUME_OTHER:
        yodel_transport_resume_reading(other);
        break;
    case TIGHTEN_OTHER:
        yodel_transport_set_limits(other, (yodel_write_limits){.high = 1, .low = 0, .hard = 1});
        (void)yodel_transport_write(other, much, sizeof much);
        break;
    case ABORT_ALL:
        yodel_transport_group_abort(s->f->group, -ECANCELED);
        break;
    case ACTIONS:
        break;
    }
    return 0;
}

static int on_made(probe *p)
{
    return act(p, MADE);
}

static ssize_t on_data(probe *p, const uint8_t *data, size_t len)
{
    scene *s = p->plan->arg;
    if (p->index == 1 && s->other == KEEPING_INPUT && !s->acted) {
        yodel_transport_pause_reading(p->transport);
        return 0;
    }
    /* More than the other end takes at once: it is paused, and resumed when that has read. */
    if (p->index == 0 && !s->filled) {
        s->filled = true;
        (void)yodel_transport_write(p->transport, much, 40000);
    }
    (void)yodel_transport_write(p->transport, data, len);
    int code = act(p, DATA);
    return code < 0 ? code : (ssize_t)len;
}

static int on_eof(probe *p)
{
    return act(p, FIN);
}

static int on_pause(probe *p)
{
    return act(p, PAUSE);
}

static int on_resume(probe *p)
{
    return act(p, RESUME);
}

static int on_drain(probe *p)
{
    return act(p, DRAIN);
}

static void on_lost(probe *p, int reason)
{
    (void)reason;
    (void)act(p, LOST);
}

/* --- the play ----------------------------------------------------------------------------------*/

/* Sends what the connection takes; it may have ended. */
static void offer(fixture *f, int client, const char *text)
{
    (void)send(client, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
    fixture_settle(f);
}

/* Reads while anything comes. */
static void drink(fixture *f, int client)
{
    static char bytes[65536];
    for (int quiet = 0; quiet < 2;) {
        fixture_settle(f);
        quiet = recv(client, bytes, sizeof bytes, MSG_DONTWAIT) > 0 ? 0 : quiet + 1;
    }
}

static void play(scene *s)
{
    fixture *f = s->f;
    probe_plan *plan =
        probe_start(f,
                    &(yodel_transport_settings){
                        .write_limits = {.high = 16384, .low = 4096, .hard = 1024 * 1024},
                    },
                    &(probe_plan){.made = on_made,
                                  .data = on_data,
                                  .eof = on_eof,
                                  .pause = on_pause,
                                  .resume = on_resume,
                                  .drain = on_drain,
                                  .lost = on_lost,
                                  .arg = s});
    int first = fixture_connect_small(f);
    int second = fixture_connect_small(f);
    int third = fixture_connect(f);
    fixture_settle(f);
    if (s->other == KEEPING_INPUT && plan->of[1] != NULL) {
        offer(f, second, "kept");
    } else if (s->other == OUTPUT_WAITING && plan->of[1] != NULL) {
        (void)yodel_transport_write(plan->of[1]->transport, much, 60000);
        fixture_settle(f);
        assert_true(plan->of[1] == NULL || yodel_transport_unsent(plan->of[1]->transport) > 0);
    }

    offer(f, first, "hello");
    drink(f, first);
    if (s->hook == DRAIN) {
        yodel_transport_group_drain(f->group, NULL, NULL);
    } else {
        (void)shutdown(first, SHUT_WR);
    }
    drink(f, first);
    fixture_disconnect(f, first, false);
    fixture_settle(f);
    if (s->hook == LOST && plan->of[0] != NULL) {
        yodel_transport_abort(plan->of[0]->transport, -ECANCELED);
        fixture_settle(f);
    }
    assert_true(s->acted);

    /* The one that nobody touched, and a new one. */
    if (s->action != ABORT_ALL && s->hook != DRAIN) {
        fixture_send_text(f, third, "ping");
        fixture_expect_text(f, third, "ping");
        int fourth = fixture_connect(f);
        fixture_send_text(f, fourth, "ping");
        fixture_expect_text(f, fourth, "ping");
    }
    drink(f, second);

    yodel_transport_group_abort(f->group, -ECANCELED);
    fixture_wait_active(f, 0);
    assert_int_equal(plan->lost_count, plan->made_count);
    for (size_t i = 0; i < plan->made_count; i++) {
        assert_int_not_equal(plan->reason[i], PROBE_ALIVE);
    }
    if (s->action == FAIL || s->action == CLOSE_AND_FAIL) {
        /* connection_lost cannot fail; and closing after the peer has ended is the end at once. */
        if (s->hook != LOST && (s->hook != FIN || s->action == FAIL)) {
            assert_int_equal(plan->reason[0], YODEL_EHANDLER);
            assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_HANDLER), 1);
            assert_true(fixture_logged(f, "failed: Input/output error"));
        }
    } else {
        assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_HANDLER), 0);
    }
    assert_false(plan->nested);
}

static const scene *on_stage; /* NULL: none that has not come to its end */

static void play_all(enum hook hook)
{
    for (int action = 0; action < ACTIONS; action++) {
        for (int other = 0; other < OTHERS; other++) {
            void *state = NULL;
            assert_int_equal(fixture_setup(&state), 0);
            static scene s; /* tell() looks at it after a failure */
            s = (scene){.f = state,
                        .hook = hook,
                        .action = (enum action)action,
                        .other = (enum other)other};
            on_stage = &s;
            play(&s);
            assert_int_equal(fixture_teardown(&state), 0);
            on_stage = NULL;
        }
    }
}

/* Says in which of the scenes the test has failed. */
static int tell(void **state)
{
    (void)state;
    if (on_stage != NULL) {
        print_error("failed where %s %s; the neighbour %s\n", hook_names[on_stage->hook],
                    action_names[on_stage->action], other_names[on_stage->other]);
        on_stage = NULL;
    }
    return 0;
}

static void test_connection_made(void **state)
{
    (void)state;
    play_all(MADE);
}

static void test_data_received(void **state)
{
    (void)state;
    play_all(DATA);
}

static void test_eof_received(void **state)
{
    (void)state;
    play_all(FIN);
}

static void test_pause_writing(void **state)
{
    (void)state;
    play_all(PAUSE);
}

static void test_resume_writing(void **state)
{
    (void)state;
    play_all(RESUME);
}

static void test_drain(void **state)
{
    (void)state;
    play_all(DRAIN);
}

static void test_connection_lost(void **state)
{
    (void)state;
    play_all(LOST);
}

/* --- ready in the same turn --------------------------------------------------------------------*/

static ssize_t abort_second(probe *p, const uint8_t *data, size_t len)
{
    (void)data;
    if (p->index == 0) {
        yodel_transport_abort(p->plan->of[1]->transport, -ECANCELED);
    }
    return (ssize_t)len;
}

/* The one that is ready first ends the second one, which has become readable and writable. */
static void test_an_end_before_its_turn(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = abort_second});
    int first = fixture_connect(f), second = fixture_connect_small(f);
    fixture_settle(f);
    (void)yodel_transport_write(plan->of[1]->transport, much, sizeof much);
    fixture_settle(f);
    assert_true(yodel_transport_unsent(plan->of[1]->transport) > 0);
    net_send_text(first, "first");
    net_wait_delivered(first);
    net_send_text(second, "second");
    net_wait_delivered(second);
    char got[4096];
    while (net_wait_readable(second, 0)) {
        (void)recv(second, got, sizeof got, MSG_DONTWAIT);
    }
    uint64_t sent = fixture_count(f, YODEL_COUNT_BYTES_OUT);
    fixture_settle(f);
    assert_int_equal(plan->data_count, 1);
    assert_int_equal(fixture_count(f, YODEL_COUNT_BYTES_OUT), sent);
    assert_int_equal(plan->reason[1], -ECANCELED);
    assert_int_equal(plan->lost_count, 1);
}

/* A callback that fails is named in the log, with its connection; not more than a line a second. */
static int always_fails(probe *p)
{
    (void)p;
    return -ENOTSUP;
}

static void test_failures_are_logged_with_restraint(void **state)
{
    fixture *f = *state;
    probe_start(f, NULL, &(probe_plan){.made = always_fails});
    for (int i = 0; i < 20; i++) {
        fixture_disconnect(f, fixture_connect(f), false);
    }
    fixture_wait_active(f, 0);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_HANDLER), 20);
    assert_true(fixture_logged(f, "connection of 127.0.0.1:"));
    assert_true(fixture_logged(f, "aborted: connection_made failed: Operation not supported"));
    assert_true(f->log.lines < 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_connection_made, tell),
        cmocka_unit_test_teardown(test_data_received, tell),
        cmocka_unit_test_teardown(test_eof_received, tell),
        cmocka_unit_test_teardown(test_pause_writing, tell),
        cmocka_unit_test_teardown(test_resume_writing, tell),
        cmocka_unit_test_teardown(test_drain, tell),
        cmocka_unit_test_teardown(test_connection_lost, tell),
        fixture_test(test_an_end_before_its_turn),
        fixture_test(test_failures_are_logged_with_restraint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
