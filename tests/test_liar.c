/*
 * The lying server of the tests is honest where no rule says otherwise; its connections and its
 * time.
 */
#include "tests/support/liar.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/net.h"
#include "tests/support/program.h"
#include "tests/support/threads.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static liar *start_with(liar_rule rule)
{
    return liar_start(&(liar_options){.rules = (const liar_rule[]){rule, {0}}});
}

/* --- honest ------------------------------------------------------------------------------------*/

static void test_honest_chat(void **state)
{
    static const char lines[] = "one\r\n\r\nwith \r and \n\r\n";

    (void)state;
    liar *l = liar_start(NULL);
    int fd = net_connect(liar_port(l));

    net_send_drop_by_drop(fd, lines, strlen(lines));
    net_expect_text(fd, "You sent: one\r\nYou sent: \r\nYou sent: with \r and \n\r\n");
    net_send_text(fd, "last\r\nno line");
    net_finish_sending(fd);
    net_expect_text(fd, "You sent: last\r\n");
    net_expect_eof(fd);
    close(fd);
    liar_counts counts = liar_wait_closed(l);
    assert_int_equal(counts.accepted, 1);
    assert_int_equal(counts.lines, 4);
    assert_int_equal(counts.answers, 4);
    liar_stop(l);
}

static void test_honest_echo(void **state)
{
    (void)state;
    liar *l = liar_start(&(liar_options){.echo = true});
    int fd = net_connect(liar_port(l));

    net_send_text(fd, "one\r\n\r\n");
    net_expect_text(fd, "one\r\n\r\n");
    close(fd);
    liar_stop(l);
}

/* A client that does not read is not read, and loses nothing. */
static void test_honest_to_those_who_do_not_read(void **state)
{
    enum { LINES = 20000 };
    (void)state;
    liar *l = liar_start(NULL);
    int fd = net_connect(liar_port(l));
    net_text lines = {0}, answer = {0}, answers = {0};

    for (int i = 0; i < LINES; i++) {
        net_text_printf(&lines, "%d and some more text that fills the line\r\n", i);
        net_text_printf(&answer, "You sent: %d and some more text that fills the line\r\n", i);
    }
    size_t sent = net_fill(fd, lines.data, lines.len, 200);
    size_t times = sent / lines.len + 1, cut = sent % lines.len; /* where the last time was cut */
    for (size_t i = 0; i < times; i++) {
        net_text_add(&answers, answer.data, answer.len);
    }
    net_exchange(fd, lines.data + cut, lines.len - cut, true, answers.data, answers.len);
    net_expect_eof(fd);
    close(fd);
    assert_int_equal(liar_stop(l).answers, times * LINES);
    net_text_free(&lines);
    net_text_free(&answer);
    net_text_free(&answers);
}

static void test_many_connections(void **state)
{
    (void)state;
    liar *l = liar_start(NULL);
    int fds[100];

    for (size_t i = 0; i < COUNT(fds); i++) {
        fds[i] = net_connect(liar_port(l));
        net_send_text(fds[i], "hello\r\n");
    }
    for (size_t i = 0; i < COUNT(fds); i++) {
        net_expect_text(fds[i], "You sent: hello\r\n");
        close(fds[i]);
    }
    assert_int_equal(liar_wait_closed(l).accepted, COUNT(fds));
    liar_stop(l);
}

/* --- ends --------------------------------------------------------------------------------------*/

/* What follows in the same segment is thrown away, and does not make a reset of the FIN. */
static void test_finish(void **state)
{
    (void)state;
    liar *l = start_with((liar_rule){.lie = LIAR_FINISH, .line = 2, .at = 12});
    int fd = net_connect(liar_port(l));

    net_send_text(fd, "one\r\ntwo\r\nthree\r\n");
    net_expect_text(fd, "You sent: one\r\nYou sent: tw");
    net_expect_eof(fd);
    net_send_text(fd, "four\r\n");
    net_wait_delivered(fd);
    close(fd);
    liar_counts counts = liar_wait_closed(l);
    assert_int_equal(counts.did[LIAR_FINISH], 1);
    assert_int_equal(counts.lines, 2);
    assert_int_equal(counts.answers, 1);
    liar_stop(l);
}

static void test_reset(void **state)
{
    (void)state;
    liar *l = start_with((liar_rule){.lie = LIAR_RESET, .line = 2, .at = 12});
    int fd = net_connect(liar_port(l));

    net_send_text(fd, "one\r\ntwo\r\nthree\r\n");
    net_expect_text(fd, "You sent: one\r\nYou sent: tw");
    assert_int_equal(net_wait_end(fd), ECONNRESET);
    close(fd);
    assert_int_equal(liar_wait_closed(l).did[LIAR_RESET], 1);
    liar_stop(l);
}

/* --- not reading -------------------------------------------------------------------------------*/

static void expect_not_read(int fd)
{
    static const char much[1 << 20];

    net_fill(fd, much, sizeof much, 200);
}

static void test_stop_reading(void **state)
{
    (void)state;
    liar *l = start_with((liar_rule){.lie = LIAR_STOP_READING, .connection = 1, .line = 2});
    int deaf = net_connect(liar_port(l));

    net_send_text(deaf, "1\r\n2\r\n3\r\n");
    net_expect_text(deaf, "You sent: 1\r\n");
    expect_not_read(deaf);
    int other = net_connect(liar_port(l));
    net_send_text(other, "1\r\n2\r\n3\r\n");
    net_expect_text(other, "You sent: 1\r\nYou sent: 2\r\nYou sent: 3\r\n");
    close(other);
    liar_counts counts = liar_stop(l);
    assert_int_equal(counts.lines, 5);
    assert_int_equal(counts.answers, 4);
    assert_int_equal(counts.closed, 2);
    assert_int_equal(net_wait_end(deaf), ECONNRESET);
    close(deaf);
}

static void test_stop_all(void **state)
{
    (void)state;
    liar *l = start_with((liar_rule){.lie = LIAR_STOP_ALL, .connection = 2, .line = 2});
    int fds[3];

    for (size_t i = 0; i < 2; i++) {
        fds[i] = net_connect(liar_port(l));
        net_send_text(fds[i], "1\r\n");
        net_expect_text(fds[i], "You sent: 1\r\n");
    }
    net_send_text(fds[1], "2\r\n");
    assert_false(net_wait_readable(fds[1], 50));
    fds[2] = net_connect(liar_port(l));
    for (size_t i = 0; i < 3; i++) {
        expect_not_read(fds[i]);
        close(fds[i]);
    }
    assert_int_equal(liar_stop(l).answers, 2);
}

/* --- about a connection ------------------------------------------------------------------------*/

static void test_greet(void **state)
{
    (void)state;
    liar *l = start_with((liar_rule){.lie = LIAR_GREET, .text = "welcome\r\n"});
    int fd = net_connect(liar_port(l));

    net_expect_text(fd, "welcome\r\n");
    net_send_text(fd, "thanks\r\n");
    net_expect_text(fd, "You sent: thanks\r\n");
    close(fd);
    assert_int_equal(liar_stop(l).did[LIAR_GREET], 1);
}

static void test_slam(void **state)
{
    (void)state;
    liar *l = start_with((liar_rule){.lie = LIAR_SLAM, .connection = 1});
    int slammed = net_connect(liar_port(l));

    net_send_text(slammed, "1\r\n");
    net_expect_eof(slammed);
    close(slammed);
    int other = net_connect(liar_port(l));
    net_send_text(other, "1\r\n");
    net_expect_text(other, "You sent: 1\r\n");
    close(other);
    assert_int_equal(liar_wait_closed(l).accepted, 2);
    assert_int_equal(liar_stop(l).did[LIAR_SLAM], 1);
}

static void test_stay(void **state)
{
    (void)state;
    liar *l = start_with((liar_rule){.lie = LIAR_STAY});
    int fd = net_connect(liar_port(l));

    net_send_text(fd, "1\r\n");
    net_finish_sending(fd);
    net_expect_text(fd, "You sent: 1\r\n");
    assert_false(net_wait_readable(fd, 100));
    net_reset(fd);
    liar_wait_closed(l);
    liar_stop(l);
}

static void test_refuses(void **state)
{
    (void)state;
    liar *l = liar_start(&(liar_options){.refuses = true});

    assert_int_equal(net_try_connect("127.0.0.1", liar_port(l)), -ECONNREFUSED);
    liar_stop(l);
}

static void test_never_accepts(void **state)
{
    (void)state;
    liar *l = liar_start(&(liar_options){.never_accepts = true});
    int fd = net_connect(liar_port(l));

    net_send_text(fd, "1\r\n");
    assert_false(net_wait_readable(fd, 100));
    assert_int_equal(liar_stop(l).accepted, 0);
    close(fd);
}

/* --- time --------------------------------------------------------------------------------------*/

static bool has_answered(void *l)
{
    return liar_look(l).answers > 0;
}

/* Each answer has its own delay: those asked for later come later. */
static void test_delay(void **state)
{
    (void)state;
    liar *l = liar_start(&(liar_options){.delay = 0.1});
    int fd = net_connect(liar_port(l));
    double sent[100] = {0};

    for (size_t i = 0; i < COUNT(sent); i++) {
        sent[i] = program_now();
        net_send_text(fd, "1\r\n");
        program_pause_ms(1);
    }
    wait_until(has_answered, l, "an answer that nobody has read");
    for (size_t i = 0; i < COUNT(sent); i++) {
        net_expect_text(fd, "You sent: 1\r\n");
        assert_true(program_now() - sent[i] >= 0.1);
    }
    net_send_text(fd, "2\r\n");
    net_finish_sending(fd);
    net_expect_text(fd, "You sent: 2\r\n");
    net_expect_eof(fd);
    close(fd);
    liar_stop(l);
}

static void test_delay_of_one_line(void **state)
{
    (void)state;
    liar *l = start_with((liar_rule){.lie = LIAR_DELAY, .line = 2, .seconds = 0.2});
    int fd = net_connect(liar_port(l));
    double begin = program_now();

    net_send_text(fd, "1\r\n2\r\n3\r\n");
    net_expect_text(fd, "You sent: 1\r\n");
    net_expect_text(fd, "You sent: 2\r\nYou sent: 3\r\n");
    assert_true(program_now() - begin >= 0.2);
    close(fd);
    liar_stop(l);
}

static void test_pause(void **state)
{
    (void)state;
    liar *l = liar_start(&(liar_options){.pause_for = 0.3});
    int fd = net_connect(liar_port(l));
    double begin = program_now();

    net_send_text(fd, "1\r\n");
    net_expect_text(fd, "You sent: 1\r\n");
    net_send_text(fd, "2\r\n");
    net_expect_text(fd, "You sent: 2\r\n");
    assert_true(program_now() - begin >= 0.3);
    net_send_text(fd, "3\r\n");
    net_expect_text(fd, "You sent: 3\r\n");
    close(fd);
    liar_stop(l);
}

/* --- again -------------------------------------------------------------------------------------*/

static void test_again(void **state)
{
    const liar_rule rules[] = {
        {.lie = LIAR_STOP_ALL, .connection = 1, .line = 2, .times = 1},
        {0},
    };

    (void)state;
    liar *l = liar_start(&(liar_options){.rules = rules, .delay = 0.01});
    for (int round = 0; round < 3; round++) {
        int fd = net_connect(liar_port(l));
        net_send_text(fd, "1\r\n");
        net_expect_text(fd, "You sent: 1\r\n");
        net_send_text(fd, "2\r\n3\r\n");
        assert_false(net_wait_readable(fd, 50));
        liar_counts counts = liar_again(l);
        assert_int_equal(net_wait_end(fd), ECONNRESET);
        close(fd);
        assert_int_equal(counts.accepted, 1);
        assert_int_equal(counts.closed, 1);
        assert_int_equal(counts.lines, 2);
        assert_int_equal(counts.answers, 1);
        assert_int_equal(counts.did[LIAR_STOP_ALL], 1);
    }
    assert_int_equal(liar_stop(l).accepted, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        liar_test(test_honest_chat),
        liar_test(test_honest_echo),
        liar_test(test_honest_to_those_who_do_not_read),
        liar_test(test_many_connections),
        liar_test(test_finish),
        liar_test(test_reset),
        liar_test(test_stop_reading),
        liar_test(test_stop_all),
        liar_test(test_greet),
        liar_test(test_slam),
        liar_test(test_stay),
        liar_test(test_refuses),
        liar_test(test_never_accepts),
        liar_test(test_delay),
        liar_test(test_delay_of_one_line),
        liar_test(test_pause),
        liar_test(test_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
