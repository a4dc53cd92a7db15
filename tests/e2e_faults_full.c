/* FAULTS.md row 15: more clients than --max-connections. */
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/echo.h"

#define SERVER_FULL "Error: server is full\r\n"

enum { LIMIT = 20, MORE = 100 };

/* All come at once, so that the workers and the acceptor decide at the same time. */
static void all_at_once(echo *e)
{
    int fds[LIMIT + MORE], served[LIMIT];
    int inside = 0, refused = 0;
    for (int i = 0; i < LIMIT + MORE; i++) {
        fds[i] = net_connect(e->server.port);
        net_send_until_blocked(fds[i], "what do I get?\r\n", 16, 0); /* may be refused already */
    }
    for (int i = 0; i < LIMIT + MORE; i++) {
        char first; /* "w" or "Y", the line comes back, or "E", the error */
        net_receive(fds[i], &first, 1);
        if (first == 'E') {
            net_expect_text(fds[i], &SERVER_FULL[1]);
            net_expect_eof(fds[i]);
            close(fds[i]);
            refused++;
            continue;
        }
        assert_true(inside < LIMIT);
        net_text answer = {0};
        echo_answer(e, &answer, "what do I get?", 14);
        net_expect(fds[i], answer.data + 1, answer.len - 1);
        net_text_free(&answer);
        served[inside++] = fds[i];
    }
    assert_int_equal(inside, LIMIT);
    assert_int_equal(refused, MORE);
    for (int i = 0; i < LIMIT; i++) { /* those inside have not felt anything */
        echo_talk(e, served[i], "still here");
        close(served[i]);
    }
    program_wait_open_fds(e->server.program, e->server.fds);
    server_wait_counter(&e->server, "accepted", LIMIT + MORE);
    server_wait_counter(&e->server, "closed_full", MORE);
    server_wait_counter(&e->server, "rejected", MORE);
    server_wait_counter(&e->server, "closed_eof", LIMIT);
}

static void test_row_15_exactly_the_limit_is_served_when_all_come_at_once(void **state)
{
    (void)state;
    echo_with_each_accept(NULL, all_at_once, "--max-connections", "20", NULL);
}

/* Those who come later say nothing before they read. */
static void one_after_the_other(echo *e)
{
    int fds[LIMIT];
    for (int i = 0; i < LIMIT; i++) {
        fds[i] = echo_connect(e);
    }
    for (int i = 0; i < MORE; i++) {
        int fd = net_connect(e->server.port);
        net_expect_text(fd, SERVER_FULL);
        net_expect_eof(fd);
        close(fd);
    }
    for (int i = 0; i < LIMIT; i++) {
        echo_talk(e, fds[i], "still here");
        close(fds[i]);
    }
    program_wait_open_fds(e->server.program, e->server.fds);
    server_wait_counter(&e->server, "closed_full", MORE);
    server_wait_counter(&e->server, "rejected", MORE);
}

static void test_row_15_exactly_the_limit_is_served_one_after_the_other(void **state)
{
    (void)state;
    echo_with_each_accept(NULL, one_after_the_other, "--max-connections", "20", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_row_15_exactly_the_limit_is_served_when_all_come_at_once),
        program_test(test_row_15_exactly_the_limit_is_served_one_after_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
