/* yodel-server's turns: a crowd that is ready at once is served some at a time. */
#include <signal.h>
#include <unistd.h>

#include "server/event_batch.h"
#include "tests/support/admin.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/net.h"
#include "tests/support/server.h"

enum { TURNS = 6, CROWD = TURNS * YODEL_EVENT_BATCH };

static double turns(uint16_t admin)
{
    exposition *e = admin_metrics(admin);
    double count = exposition_value(e, "yodel_loop_iteration_seconds_count{worker=\"0\"}");
    exposition_free(e);
    return count;
}

static void test_a_crowd_takes_several(void **state)
{
    (void)state;
    int client[CROWD];
    server s = server_start(NULL, "-t", "1", "--admin", "127.0.0.1:0", "--idle-timeout", "0", NULL);
    uint16_t admin = admin_port(&s);
    for (int i = 0; i < CROWD; i++) {
        client[i] = net_connect(s.port);
        net_send_text(client[i], "first\r\n");
        net_expect_text(client[i], "You sent: first\r\n");
    }
    /* By the second time whatever grows with what is ready has grown. */
    for (int round = 0; round < 2; round++) {
        double before = turns(admin);
        program_stop(s.program);
        for (int i = 0; i < CROWD; i++) {
            net_send_text(client[i], "all at once\r\n");
        }
        for (int i = 0; i < CROWD; i++) {
            net_wait_delivered(client[i]);
        }
        program_signal(s.program, SIGCONT);
        for (int i = 0; i < CROWD; i++) {
            net_expect_text(client[i], "You sent: all at once\r\n");
        }
        assert_true(turns(admin) - before >= TURNS);
    }
    for (int i = 0; i < CROWD; i++) {
        close(client[i]);
    }
    server_stop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {program_test(test_a_crowd_takes_several)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
