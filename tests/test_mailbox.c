/*
 * The mailbox: nothing is lost, each sender's messages arrive in its order, and a burst wakes the
 * loop once. Meant for the thread sanitizer, too.
 */
#include "core/mailbox.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/fixture.h"

/* libev's function, counted: each call may be a write to an eventfd. */
static atomic_size_t wakes;

void ev_async_send(struct ev_loop *ev, ev_async *watcher)
{
    static void (*_Atomic real)(struct ev_loop *, ev_async *);
    if (real == NULL) {
        void *found = dlsym(RTLD_NEXT, "ev_async_send");
        void (*function)(struct ev_loop *, ev_async *);
        memcpy(&function, &found, sizeof function);
        real = function;
    }
    atomic_fetch_add(&wakes, 1);
    real(ev, watcher);
}

/* --- one thread --------------------------------------------------------------------------------*/

typedef struct letter {
    yodel_mail mail;
    char name;
} letter;

/* The owner of a mailbox: what has been delivered. */
typedef struct reader {
    yodel_loop *loop;
    yodel_mailbox box;
    char text[64];
    size_t count;
    size_t stop_at; /* stop the loop when so many have come */
    letter *next;   /* to be posted while one is being delivered */
} reader;

static int setup(void **state)
{
    reader *r = calloc(1, sizeof *r);
    if (r == NULL || yodel_loop_new(&r->loop) != 0 ||
        yodel_mailbox_init(&r->box, r->loop, r) != 0) {
        return -1;
    }
    atomic_store(&wakes, 0);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    reader *r = *state;
    yodel_mailbox_destroy(&r->box);
    yodel_loop_free(r->loop);
    free(r);
    return 0;
}

static void note(reader *r, char name)
{
    if (r->count < sizeof r->text - 1) {
        r->text[r->count] = name;
    }
    if (++r->count == r->stop_at) {
        yodel_loop_stop(r->loop);
    }
}

static void deliver(yodel_mail *mail, void *owner)
{
    reader *r = owner;
    letter *l = yodel_container_of(mail, letter, mail);
    letter *next = r->next;
    r->next = NULL;
    note(r, l->name);
    if (next != NULL) {
        yodel_mailbox_post(&r->box, &next->mail);
    }
}

static void test_order(void **state)
{
    reader *r = *state;
    letter letters[26];
    for (int i = 0; i < 26; i++) {
        letters[i] = (letter){.mail.deliver = deliver, .name = (char)('a' + i)};
        yodel_mailbox_post(&r->box, &letters[i].mail);
    }
    assert_int_equal(r->count, 0); /* not from inside post */
    r->stop_at = 26;
    yodel_loop_run(r->loop);
    assert_string_equal(r->text, "abcdefghijklmnopqrstuvwxyz");
}

static void test_one_wake_for_a_burst(void **state)
{
    reader *r = *state;
    static letter letters[1000];
    for (size_t burst = 1; burst <= 3; burst++) {
        for (size_t i = 0; i < 1000; i++) {
            letters[i] = (letter){.mail.deliver = deliver, .name = 'x'};
            yodel_mailbox_post(&r->box, &letters[i].mail);
        }
        r->stop_at = 1000 * burst;
        yodel_loop_run(r->loop);
        assert_int_equal(r->count, 1000 * burst);
        assert_int_equal(atomic_load(&wakes), burst);
    }
}

static void deliver_and_free(yodel_mail *mail, void *owner)
{
    letter *l = yodel_container_of(mail, letter, mail);
    note(owner, l->name);
    free(l);
}

static void test_deliver_may_free(void **state)
{
    reader *r = *state;
    for (int i = 0; i < 5; i++) {
        letter *l = malloc(sizeof *l);
        assert_non_null(l);
        *l = (letter){.mail.deliver = deliver_and_free, .name = (char)('a' + i)};
        yodel_mailbox_post(&r->box, &l->mail);
    }
    r->stop_at = 5;
    yodel_loop_run(r->loop);
    assert_string_equal(r->text, "abcde");
}

/* A message that posts itself again: behind those that are there already. */
static void deliver_again(yodel_mail *mail, void *owner)
{
    reader *r = owner;
    letter *l = yodel_container_of(mail, letter, mail);
    note(r, l->name);
    yodel_mailbox_post(&r->box, mail);
}

static void test_deliver_may_post_again(void **state)
{
    reader *r = *state;
    static letter again;
    again = (letter){.mail.deliver = deliver_again, .name = 'A'};
    letter b = {.mail.deliver = deliver, .name = 'b'};
    letter c = {.mail.deliver = deliver, .name = 'c'};
    yodel_mailbox_post(&r->box, &again.mail);
    yodel_mailbox_post(&r->box, &b.mail);
    yodel_mailbox_post(&r->box, &c.mail);
    r->stop_at = 6;
    yodel_loop_run(r->loop);
    assert_string_equal(r->text, "AbcAAA");
    again.mail.deliver = deliver; /* it is in the box now, and the teardown delivers it */
}

/* One that posts itself for ever does not keep the loop from anything else. */
static void stop_it(struct ev_loop *ev, ev_timer *timer, int revents)
{
    (void)ev;
    (void)revents;
    yodel_loop_stop(timer->data);
}

static void test_posting_for_ever_is_fair(void **state)
{
    reader *r = *state;
    static letter again;
    again = (letter){.mail.deliver = deliver_again, .name = '.'};
    ev_timer timer;
    ev_timer_init(&timer, stop_it, 0.001, 0.0);
    timer.data = r->loop;
    ev_timer_start(yodel_loop_ev(r->loop), &timer);
    yodel_mailbox_post(&r->box, &again.mail);
    yodel_loop_run(r->loop); /* returns at all */
    assert_true(r->count > 0);
    again.mail.deliver = deliver;
}

static void test_deliver_may_post_another(void **state)
{
    reader *r = *state;
    letter a = {.mail.deliver = deliver, .name = 'a'};
    letter b = {.mail.deliver = deliver, .name = 'b'};
    letter c = {.mail.deliver = deliver, .name = 'c'};
    r->next = &c;
    yodel_mailbox_post(&r->box, &a.mail);
    yodel_mailbox_post(&r->box, &b.mail);
    r->stop_at = 3;
    yodel_loop_run(r->loop);
    assert_string_equal(r->text, "abc");
    assert_int_equal(atomic_load(&wakes), 2);
}

static void test_left_messages_are_delivered(void **state)
{
    (void)state;
    reader r = {0};
    letter a = {.mail.deliver = deliver, .name = 'a'};
    letter b = {.mail.deliver = deliver, .name = 'b'};
    assert_int_equal(yodel_loop_new(&r.loop), 0);
    assert_int_equal(yodel_mailbox_init(&r.box, r.loop, &r), 0);
    yodel_mailbox_post(&r.box, &a.mail);
    yodel_mailbox_post(&r.box, &b.mail);
    yodel_mailbox_destroy(&r.box);
    assert_string_equal(r.text, "ab");
    yodel_loop_free(r.loop);
}

/* Two mailboxes on one loop have nothing to do with each other. */
static void test_two_mailboxes(void **state)
{
    reader *r = *state;
    reader other = {.loop = r->loop};
    letter a = {.mail.deliver = deliver, .name = 'a'};
    letter b = {.mail.deliver = deliver, .name = 'b'};
    assert_int_equal(yodel_mailbox_init(&other.box, r->loop, &other), 0);
    yodel_mailbox_post(&r->box, &a.mail);
    yodel_mailbox_post(&other.box, &b.mail);
    fixture_settle_loop(r->loop);
    assert_string_equal(r->text, "a");
    assert_string_equal(other.text, "b");
    yodel_mailbox_destroy(&other.box);
}

/* --- many threads ------------------------------------------------------------------------------*/

enum { SENDERS = 4, EACH = 2000 };

typedef struct numbered {
    yodel_mail mail;
    unsigned sender;
    unsigned number;
} numbered;

typedef struct crowd {
    yodel_loop *loop;
    yodel_mailbox box;
    unsigned expected[SENDERS]; /* each one's next number */
    unsigned out_of_order;
    size_t count;
    pthread_t loop_thread;
    bool elsewhere; /* delivered on another thread than the loop's */
} crowd;

typedef struct sender {
    pthread_t thread;
    crowd *crowd;
    unsigned index;
    bool failed;
} sender;

static void deliver_numbered(yodel_mail *mail, void *owner)
{
    crowd *c = owner;
    numbered *n = yodel_container_of(mail, numbered, mail);
    c->out_of_order += n->number != c->expected[n->sender];
    c->expected[n->sender] = n->number + 1;
    c->elsewhere = c->elsewhere || !pthread_equal(pthread_self(), c->loop_thread);
    free(n);
    if (++c->count == (size_t)SENDERS * EACH) {
        yodel_loop_stop(c->loop);
    }
}

static void *post_all(void *arg)
{
    sender *s = arg;
    for (unsigned i = 0; i < EACH; i++) {
        numbered *n = malloc(sizeof *n);
        if (n == NULL) {
            s->failed = true;
            return NULL;
        }
        *n = (numbered){.mail.deliver = deliver_numbered, .sender = s->index, .number = i};
        yodel_mailbox_post(&s->crowd->box, &n->mail);
    }
    return NULL;
}

static void *run_loop(void *arg)
{
    crowd *c = arg;
    c->loop_thread = pthread_self();
    yodel_loop_run(c->loop);
    return NULL;
}

static void test_many_senders(void **state)
{
    (void)state;
    crowd c = {0};
    sender senders[SENDERS];
    pthread_t loop_thread;
    assert_int_equal(yodel_loop_new(&c.loop), 0);
    assert_int_equal(yodel_mailbox_init(&c.box, c.loop, &c), 0);
    assert_int_equal(pthread_create(&loop_thread, NULL, run_loop, &c), 0);
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i] = (sender){.crowd = &c, .index = i};
        assert_int_equal(pthread_create(&senders[i].thread, NULL, post_all, &senders[i]), 0);
    }
    for (unsigned i = 0; i < SENDERS; i++) {
        assert_int_equal(pthread_join(senders[i].thread, NULL), 0);
        assert_false(senders[i].failed);
    }
    assert_int_equal(pthread_join(loop_thread, NULL), 0); /* it stops with the last message */
    yodel_mailbox_destroy(&c.box);
    yodel_loop_free(c.loop);
    assert_int_equal(c.count, (size_t)SENDERS * EACH);
    assert_int_equal(c.out_of_order, 0);
    assert_false(c.elsewhere);
}

/* The last message makes the loop end and the mailbox go, while its sender may still be on its way
 * out of post: the case of a server that stops. */
typedef struct last_word {
    yodel_mail mail;
    yodel_loop *loop;
} last_word;

static void deliver_last(yodel_mail *mail, void *owner)
{
    (void)owner;
    yodel_loop_stop(yodel_container_of(mail, last_word, mail)->loop);
}

typedef struct ending {
    yodel_mailbox *box;
    last_word last;
} ending;

static void *post_last(void *arg)
{
    ending *e = arg;
    yodel_mailbox_post(e->box, &e->last.mail);
    return NULL;
}

static void test_end_by_a_message(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        yodel_loop *loop;
        yodel_mailbox *box = malloc(sizeof *box);
        pthread_t thread;
        assert_non_null(box);
        assert_int_equal(yodel_loop_new(&loop), 0);
        assert_int_equal(yodel_mailbox_init(box, loop, NULL), 0);
        ending e = {.box = box, .last = {.mail.deliver = deliver_last, .loop = loop}};
        assert_int_equal(pthread_create(&thread, NULL, post_last, &e), 0);
        yodel_loop_run(loop);
        assert_int_equal(pthread_join(thread, NULL), 0);
        yodel_mailbox_destroy(box);
        free(box);
        yodel_loop_free(loop);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_wake_for_a_burst, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deliver_may_free, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deliver_may_post_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_posting_for_ever_is_fair, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deliver_may_post_another, setup, teardown),
        cmocka_unit_test(test_left_messages_are_delivered),
        cmocka_unit_test_setup_teardown(test_two_mailboxes, setup, teardown),
        cmocka_unit_test(test_many_senders),
        cmocka_unit_test(test_end_by_a_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
