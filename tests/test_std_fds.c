/*
 * Closed standard descriptors are opened on /dev/null, open ones stay. In a child: the test's own
 * are needed to report.
 */
#include "core/std_fds.h"
#include "support/cmocka_all.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_null_for_reading(int fd)
{
    struct stat null, own;
    return stat("/dev/null", &null) == 0 && fstat(fd, &own) == 0 && own.st_rdev == null.st_rdev &&
           (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY;
}

/* In a child whose descriptors of the mask are closed: 0 when just these are /dev/null afterwards.
 */
static int open_with_closed(unsigned mask)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct stat before[3], after;
        int zero = open("/dev/zero", O_RDWR | O_CLOEXEC);
        for (int fd = 0; fd < 3; fd++) {
            if (dup2(zero, fd) < 0 || fstat(fd, &before[fd]) < 0)
                _exit(3);
        }
        for (int fd = 0; fd < 3; fd++) {
            if (mask & 1u << fd)
                close(fd);
        }
        if (yodel_std_fds_open() != 0)
            _exit(4);
        for (int fd = 0; fd < 3; fd++) {
            bool closed = (mask & 1u << fd) != 0;
            if (closed != is_null_for_reading(fd))
                _exit(5);
            if (!closed && (fstat(fd, &after) < 0 || after.st_rdev != before[fd].st_rdev))
                _exit(6);
        }
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_every_set_of_closed_ones(void **state)
{
    (void)state;
    for (unsigned mask = 0; mask < 8; mask++)
        assert_int_equal(open_with_closed(mask), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_set_of_closed_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
