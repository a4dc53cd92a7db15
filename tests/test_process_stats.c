/* What /proc says of this very process. */
#include "server/process_stats.h"

#include "core/fd_limit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/threads.h"

static void test_descriptors(void **state)
{
    (void)state;
    yodel_process_stats stats;
    int pipes[2][2];
    size_t before = count_fds();
    yodel_process_stats_get(&stats);
    assert_int_equal(stats.open_fds, before);
    assert_int_equal(pipe(pipes[0]) | pipe(pipes[1]), 0);
    yodel_process_stats_get(&stats);
    assert_int_equal(stats.open_fds, before + 4);
    assert_int_equal(stats.max_fds, yodel_fd_limit());
    for (int i = 0; i < 4; i++) {
        close(pipes[i / 2][i % 2]);
    }
    assert_int_equal(count_fds(), before); /* it leaves nothing behind */
}

static void test_memory(void **state)
{
    (void)state;
    enum { SIZE = 64 << 20 };
    yodel_process_stats before, mapped, touched;
    yodel_process_stats_get(&before);
    char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    yodel_process_stats_get(&mapped);
    memset(memory, 1, SIZE);
    yodel_process_stats_get(&touched);
    munmap(memory, SIZE);
    assert_true(mapped.virtual_bytes >= before.virtual_bytes + SIZE);
    assert_true(touched.resident_bytes >= before.resident_bytes + SIZE / 2);
    assert_true(before.resident_bytes > 0 && before.resident_bytes <= before.virtual_bytes);
}

static void test_times(void **state)
{
    (void)state;
    yodel_process_stats stats, later;
    yodel_process_stats_get(&stats);
    do {
        yodel_process_stats_get(&later);
    } while (later.cpu < stats.cpu + 0.01);
    assert_true(stats.started > 1.7e9 && stats.started <= (double)time(NULL) + 1);
    assert_true(later.started - stats.started < 0.1 && stats.started - later.started < 0.1);
}

/* Ticks come from behind a name that may have anything in it. */
static void test_the_name_does_not_matter(void **state)
{
    (void)state;
    yodel_process_stats stats, named;
    yodel_process_stats_get(&stats);
    assert_true(getpid() == gettid()); /* the name of the process is that of its first thread */
    assert_int_equal(pthread_setname_np(pthread_self(), "a) R 1 2 (b"), 0);
    yodel_process_stats_get(&named);
    assert_true(named.started - stats.started < 0.1 && stats.started - named.started < 0.1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_the_name_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
