/*
 * socket_call: bytes or a negated errno; as recv, send and sendmsg otherwise.
 */
#include "core/socket_call.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"

typedef struct pair {
    int fd[2];
} pair;

static int setup(void **state)
{
    static pair p;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p.fd), 0);
    *state = &p;
    return 0;
}

static int teardown(void **state)
{
    pair *p = *state;
    close(p->fd[0]);
    close(p->fd[1]);
    return 0;
}

static void what_is_sent_is_received_as_far_as_there_is_room(void **state)
{
    pair *p = *state;
    char text[4] = "";
    assert_int_equal(yodel_send(p->fd[0], "hello", 5), 5);
    assert_int_equal(yodel_recv(p->fd[1], text, 3), 3);
    assert_memory_equal(text, "hel", 4);
    assert_int_equal(yodel_recv(p->fd[1], text, 3), 2);
    assert_memory_equal(text, "lol", 4);
}

static void pieces_are_sent_in_their_order(void **state)
{
    pair *p = *state;
    char text[8] = "";
    struct iovec piece[] = {{(char[]){"ab"}, 2}, {NULL, 0}, {(char[]){"cde"}, 3}};
    const struct msghdr message = {.msg_iov = piece, .msg_iovlen = 3};
    assert_int_equal(yodel_sendmsg(p->fd[0], &message), 5);
    assert_int_equal(yodel_recv(p->fd[1], text, sizeof text), 5);
    assert_string_equal(text, "abcde");
}

static void nothing_there_or_no_room_is_eagain(void **state)
{
    static char much[65536];
    pair *p = *state;
    struct iovec piece = {much, sizeof much};
    const struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    ssize_t n;
    assert_int_equal(yodel_recv(p->fd[1], much, sizeof much), -EAGAIN);
    do {
        n = yodel_send(p->fd[0], much, sizeof much);
    } while (n > 0);
    assert_int_equal(n, -EAGAIN);
    assert_int_equal(yodel_sendmsg(p->fd[0], &message), -EAGAIN);
}

static void the_peers_end_is_0_and_sending_to_it_raises_no_signal(void **state)
{
    pair *p = *state;
    char byte;
    struct iovec piece = {&byte, 1};
    const struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    assert_int_equal(shutdown(p->fd[1], SHUT_RDWR), 0);
    assert_int_equal(yodel_recv(p->fd[0], &byte, 1), 0);
    assert_int_equal(yodel_send(p->fd[0], "x", 1), -EPIPE);
    assert_int_equal(yodel_sendmsg(p->fd[0], &message), -EPIPE);
}

static void what_is_no_socket_is_said(void **state)
{
    char byte;
    (void)state;
    assert_int_equal(yodel_recv(-1, &byte, 1), -EBADF);
    assert_int_equal(yodel_send(-1, "x", 1), -EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_sent_is_received_as_far_as_there_is_room, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(pieces_are_sent_in_their_order, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_there_or_no_room_is_eagain, setup, teardown),
        cmocka_unit_test_setup_teardown(the_peers_end_is_0_and_sending_to_it_raises_no_signal,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_socket_is_said, setup, teardown),
    };
    (void)signal(SIGPIPE, SIG_DFL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
