/*
 * What the rules of the lying server make of answers: exactly what they say, and they count it.
 */
#include "tests/support/liar.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/net.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static liar *start_with(liar_rule rule)
{
    return liar_start(&(liar_options){.rules = (const liar_rule[]){rule, {0}}});
}

/* --- about a line ------------------------------------------------------------------------------*/

/* What one rule makes of eight lines, 1 to 8, in echo mode. */
static void test_each_lie_about_a_line(void **state)
{
    static const struct {
        liar_rule rule;
        const char *answers;
    } table[] = {
        {{.lie = LIAR_CORRUPT, .at = 0}, "1\r\n2\r\n2\r\n4\r\n5\r\n6\r\n7\r\n8\r\n"},
        {{.lie = LIAR_CORRUPT, .at = 1}, "1\r\n2\r\n3\f\n4\r\n5\r\n6\r\n7\r\n8\r\n"},
        {{.lie = LIAR_CORRUPT, .at = -1}, "1\r\n2\r\n3\r\v4\r\n5\r\n6\r\n7\r\n8\r\n"},
        {{.lie = LIAR_CORRUPT, .at = -3}, "1\r\n2\r\n2\r\n4\r\n5\r\n6\r\n7\r\n8\r\n"},
        {{.lie = LIAR_DROP}, "1\r\n2\r\n4\r\n5\r\n6\r\n7\r\n8\r\n"},
        {{.lie = LIAR_REPEAT}, "1\r\n2\r\n3\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8\r\n"},
        {{.lie = LIAR_SWAP}, "1\r\n2\r\n4\r\n3\r\n5\r\n6\r\n7\r\n8\r\n"},
        {{.lie = LIAR_SWAP, .at = 3}, "1\r\n2\r\n4\r\n5\r\n6\r\n3\r\n7\r\n8\r\n"},
        {{.lie = LIAR_CUT, .at = 1}, "1\r\n2\r\n\r\n4\r\n5\r\n6\r\n7\r\n8\r\n"},
        {{.lie = LIAR_CUT, .at = 99}, "1\r\n2\r\n\r\n4\r\n5\r\n6\r\n7\r\n8\r\n"},
        {{.lie = LIAR_CUT_OFF, .at = 1}, "1\r\n2\r\n3\r4\r\n5\r\n6\r\n7\r\n8\r\n"},
        {{.lie = LIAR_CUT_OFF, .at = 2}, "1\r\n2\r\n34\r\n5\r\n6\r\n7\r\n8\r\n"},
        {{.lie = LIAR_INSERT, .text = "?\r\n"}, "1\r\n2\r\n?\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8\r\n"},
        {{.lie = LIAR_APPEND, .text = "?\r\n"}, "1\r\n2\r\n3\r\n?\r\n4\r\n5\r\n6\r\n7\r\n8\r\n"},
        {{.lie = LIAR_DELAY, .seconds = 0.05}, "1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8\r\n"},
        {{.lie = LIAR_DRIP}, "1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        liar_rule rules[2] = {table[i].rule};
        rules[0].line = 3;
        liar *l = liar_start(&(liar_options){.echo = true, .rules = rules});
        int fd = net_connect(liar_port(l));
        net_send_text(fd, "1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8\r\n");
        net_expect_text(fd, table[i].answers);
        net_finish_sending(fd);
        net_expect_eof(fd);
        close(fd);
        liar_counts counts = liar_stop(l);
        assert_int_equal(counts.did[table[i].rule.lie], 1);
        assert_int_equal(counts.lines, 8);
        assert_int_equal(counts.answers, table[i].rule.lie == LIAR_DROP ? 7 : 8);
    }
}

static void test_drip_is_segments(void **state)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;

    (void)state;
    liar *l = start_with((liar_rule){.lie = LIAR_DRIP});
    int fd = net_connect(liar_port(l));
    net_send_text(fd, "\r\n");
    net_expect_text(fd, "You sent: \r\n");
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    assert_true(info.tcpi_data_segs_in >= strlen("You sent: \r\n") / 2 + 1);
    close(fd);
    liar_stop(l);
}

/* Answers that wait for a later one that never comes are given at the end, and were no lies. */
static void test_swap_with_nothing(void **state)
{
    (void)state;
    liar *l = start_with((liar_rule){.lie = LIAR_SWAP, .line = 2});
    int fd = net_connect(liar_port(l));

    net_send_text(fd, "1\r\n2\r\n");
    net_expect_text(fd, "You sent: 1\r\n");
    net_finish_sending(fd);
    net_expect_text(fd, "You sent: 2\r\n");
    net_expect_eof(fd);
    close(fd);
    assert_int_equal(liar_stop(l).did[LIAR_SWAP], 0);
}

static void test_which_lines(void **state)
{
    static const struct {
        liar_rule rule; /* for two connections, one after the other */
        const char *answers[2];
    } table[] = {
        {{.lie = LIAR_DROP, .line = 2}, {"1\r\n3\r\n4\r\n5\r\n", "1\r\n3\r\n4\r\n5\r\n"}},
        {{.lie = LIAR_DROP, .line = 2, .every = 2}, {"1\r\n3\r\n5\r\n", "1\r\n3\r\n5\r\n"}},
        {{.lie = LIAR_DROP, .line = 2, .times = 1},
         {"1\r\n3\r\n4\r\n5\r\n", "1\r\n2\r\n3\r\n4\r\n5\r\n"}},
        {{.lie = LIAR_DROP, .times = 3}, {"4\r\n5\r\n", "1\r\n2\r\n3\r\n4\r\n5\r\n"}},
        {{.lie = LIAR_DROP, .connection = 2}, {"1\r\n2\r\n3\r\n4\r\n5\r\n", ""}},
        {{.lie = LIAR_SWAP, .line = 1, .every = 1},
         {"2\r\n1\r\n4\r\n3\r\n5\r\n", "2\r\n1\r\n4\r\n3\r\n5\r\n"}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        const liar_rule rules[] = {table[i].rule, {0}};
        liar *l = liar_start(&(liar_options){.echo = true, .rules = rules});
        for (size_t c = 0; c < 2; c++) {
            int fd = net_connect(liar_port(l));
            net_send_text(fd, "1\r\n2\r\n3\r\n4\r\n5\r\n");
            net_finish_sending(fd);
            net_expect_text(fd, table[i].answers[c]);
            net_expect_eof(fd);
            close(fd);
        }
        liar_stop(l);
    }
}

/* The first rule that holds counts. */
static void test_several_rules(void **state)
{
    const liar_rule rules[] = {{.lie = LIAR_DROP, .line = 2, .times = 1},
                               {.lie = LIAR_REPEAT, .line = 2},
                               {.lie = LIAR_CUT, .line = 3, .at = 1},
                               {0}};

    (void)state;
    liar *l = liar_start(&(liar_options){.echo = true, .rules = rules});
    int first = net_connect(liar_port(l));
    net_send_text(first, "a\r\nb\r\nc\r\n");
    net_expect_text(first, "a\r\n\r\n");
    int second = net_connect(liar_port(l));
    net_send_text(second, "a\r\nb\r\nc\r\n");
    net_expect_text(second, "a\r\nb\r\nb\r\n\r\n");
    close(first);
    close(second);
    liar_counts counts = liar_stop(l);
    assert_int_equal(counts.did[LIAR_DROP], 1);
    assert_int_equal(counts.did[LIAR_REPEAT], 1);
    assert_int_equal(counts.did[LIAR_CUT], 2);
}

/* --- between connections -----------------------------------------------------------------------*/

static void test_exchange(void **state)
{
    (void)state;
    liar *l = start_with((liar_rule){.lie = LIAR_EXCHANGE, .line = 2, .times = 1});
    int first = net_connect(liar_port(l));
    int second = net_connect(liar_port(l));

    net_send_text(first, "a1\r\na2\r\na3\r\n");
    net_expect_text(first, "You sent: a1\r\n");
    assert_false(net_wait_readable(first, 50));
    net_send_text(second, "b1\r\nb2\r\n");
    net_expect_text(second, "You sent: a2\r\nYou sent: b2\r\n");
    net_expect_text(first, "You sent: b1\r\nYou sent: a3\r\n");
    close(first);
    close(second);
    assert_int_equal(liar_stop(l).did[LIAR_EXCHANGE], 1);
}

static void test_exchange_with_nobody(void **state)
{
    (void)state;
    liar *l = start_with((liar_rule){.lie = LIAR_EXCHANGE, .line = 1, .times = 1});
    int fd = net_connect(liar_port(l));

    net_send_text(fd, "1\r\n2\r\n");
    net_finish_sending(fd);
    net_expect_text(fd, "You sent: 1\r\nYou sent: 2\r\n");
    net_expect_eof(fd);
    close(fd);
    int other = net_connect(liar_port(l));
    net_send_text(other, "3\r\n");
    net_expect_text(other, "You sent: 3\r\n");
    close(other);
    assert_int_equal(liar_stop(l).did[LIAR_EXCHANGE], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        liar_test(test_each_lie_about_a_line), liar_test(test_drip_is_segments),
        liar_test(test_swap_with_nothing),     liar_test(test_which_lines),
        liar_test(test_several_rules),         liar_test(test_exchange),
        liar_test(test_exchange_with_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
