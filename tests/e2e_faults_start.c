/*
 * FAULTS 31, what the other tests of starting leave out (FAULTS.md lists them): no permission for a
 * port, and descriptors for nothing. One line that names what and why, exit 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/program.h"

/* Exit 1 after one line that holds both texts. */
static void expect_refused(program *p, const char *what, const char *why)
{
    program_expect_exit(p, 1);
    size_t len;
    const char *text = program_output(p, PROGRAM_STDERR, &len);
    if (program_count_lines(p, PROGRAM_STDERR, "") != 1 || strstr(text, what) == NULL ||
        strstr(text, why) == NULL) {
        program_fail(p, "wanted one line with \"%s\" and \"%s\"", what, why);
    }
    (void)program_output(p, PROGRAM_STDOUT, &len);
    assert_int_equal(len, 0);
}

/* The lowest port that needs no permission, net.ipv4.ip_unprivileged_port_start. */
static int first_free_port(void)
{
    char text[16] = "";
    int fd = open("/proc/sys/net/ipv4/ip_unprivileged_port_start", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        assert_true(read(fd, text, sizeof text - 1) >= 0);
        close(fd);
    }
    return atoi(text);
}

static void test_row_31_no_permission(void **state)
{
    (void)state;
    static const char *const modes[] = {"handoff", "reuseport"};
    static const char setpriv[] = "/usr/bin/setpriv"; /* util-linux */
    bool root = geteuid() == 0;
    if (first_free_port() <= 1 || (root && access(setpriv, X_OK) != 0)) {
        skip();
    }
    const char *dir = getenv("YODEL_BIN_DIR");
    char path[4096];
    snprintf(path, sizeof path, "%s/yodel-server", dir != NULL ? dir : YODEL_BIN_DIR);
    for (int i = 0; i < 2; i++) {
        /* root has the permission unless it gives it away. */
        program *p = root ? program_start(NULL, setpriv, "--bounding-set=-net_bind_service",
                                          "--inh-caps=-net_bind_service", path, "-H", "127.0.0.1",
                                          "-p", "1", "--accept", modes[i], NULL)
                          : program_start(NULL, path, "-H", "127.0.0.1", "-p", "1", "--accept",
                                          modes[i], NULL);
        expect_refused(p, "127.0.0.1:1", strerror(EACCES));
    }
}

/* Enough to run a program at all, too few for all that a server opens: with each number it either
 * says so or serves. */
static void test_row_31_too_few_descriptors(void **state)
{
    (void)state;
    unsigned refused = 0;
    bool runs = false;
    for (unsigned n = 6; !runs; n++) {
        assert_true(n < 200);
        const program_options options = {.open_files = n};
        program *p =
            program_start(&options, "yodel-server", "-H", "127.0.0.1", "-p", "0", "-t", "2", NULL);
        double deadline = program_now() + PROGRAM_TIMEOUT;
        while (program_running(p) && !runs) {
            assert_true(program_now() < deadline);
            runs = program_count_lines(p, PROGRAM_STDERR, "listening on ") > 0;
            program_pause_ms(2);
        }
        if (!program_running(p)) {
            runs = false;
            refused++;
            expect_refused(p, "", "");
        }
        program_kill(p);
    }
    assert_true(refused > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_row_31_no_permission),
        program_test(test_row_31_too_few_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
