/* Coroutines: what runs when, on which stack, and what happens when there is no room for it. */
#include "core/coroutine.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/faults.h"
#include "tests/support/program.h"
#include "tests/support/random.h"

static yodel_coroutine *make(void (*run)(void *), void *arg)
{
    yodel_coroutine *c = NULL;
    assert_int_equal(yodel_coroutine_new(run, arg, &c), 0);
    assert_non_null(c);
    return c;
}

/* --- what runs when ----------------------------------------------------------------------------*/

static char order[64];

static void say(const char *word)
{
    (void)strncat(order, word, sizeof order - strlen(order) - 1);
}

static void say_thrice(void *arg)
{
    for (int i = 0; i < 3; i++) {
        say(arg);
        if (i < 2) {
            yodel_coroutine_suspend();
        }
    }
}

static void test_runs_when_resumed_only(void **state)
{
    (void)state;
    order[0] = '\0';
    yodel_coroutine *a = make(say_thrice, "a");
    yodel_coroutine *b = make(say_thrice, "b");
    assert_string_equal(order, "");
    assert_true(yodel_coroutine_resume(a));
    say("-");
    assert_true(yodel_coroutine_resume(b));
    assert_true(yodel_coroutine_resume(b));
    say("-");
    assert_true(yodel_coroutine_resume(a));
    assert_false(yodel_coroutine_resume(a));
    say("-");
    assert_false(yodel_coroutine_resume(b));
    assert_string_equal(order, "a-bb-aa-b");
}

/* An outer one resumes an inner one, which outlives it and goes back to whoever resumes it. */
static yodel_coroutine *inner;
static yodel_coroutine *self_in[2];

static void run_inner(void *arg)
{
    (void)arg;
    self_in[1] = yodel_coroutine_self();
    say("i");
    yodel_coroutine_suspend();
    say("j");
}

static void run_outer(void *arg)
{
    (void)arg;
    self_in[0] = yodel_coroutine_self();
    inner = NULL;
    if (yodel_coroutine_new(run_inner, NULL, &inner) != 0) {
        return;
    }
    say("o");
    if (yodel_coroutine_resume(inner)) {
        say("p");
    }
    if (self_in[0] == yodel_coroutine_self()) {
        say("=");
    }
}

static void test_one_resumes_another(void **state)
{
    (void)state;
    order[0] = '\0';
    assert_null(yodel_coroutine_self());
    yodel_coroutine *outer = make(run_outer, NULL);
    assert_null(yodel_coroutine_self());
    assert_false(yodel_coroutine_resume(outer));
    assert_null(yodel_coroutine_self());
    assert_string_equal(order, "oip=");
    assert_ptr_equal(self_in[0], outer);
    assert_ptr_equal(self_in[1], inner);
    assert_false(yodel_coroutine_resume(inner));
    assert_string_equal(order, "oip=j");
    assert_null(yodel_coroutine_self());
}

/* --- what survives a switch --------------------------------------------------------------------*/

/* Many values in registers, whole and floating, over many switches. */
typedef struct sum {
    uint64_t seed;
    uint64_t whole;
    double parts;
    unsigned switches;
} sum;

static void add_up(sum *s, bool switching)
{
    test_random r = {s->seed};
    uint64_t a = 1, b = 2, c = 3, d = 4, e = 5, f = 6;
    double x = 1.0, y = 2.0, z = 3.0;
    for (unsigned i = 0; i < s->switches; i++) {
        a += b ^ test_random_next(&r);
        b += c * 3;
        c ^= d + a;
        d += e << 3;
        e ^= f >> 1;
        f += a;
        x += y * 0.5;
        y += z - x;
        z *= 0.25;
        if (switching) {
            yodel_coroutine_suspend();
        }
    }
    s->whole = a ^ b ^ c ^ d ^ e ^ f;
    s->parts = x + y + z;
}

static void add_up_switching(void *arg)
{
    add_up(arg, true);
}

/* Runs n of them, always a random one next, and compares with the same work in one go. */
static bool run_many(size_t n, uint64_t seed)
{
    test_random r = {seed};
    sum *sums = calloc(n, sizeof *sums);
    yodel_coroutine **all = calloc(n, sizeof(*all));
    size_t live = 0;
    bool right = sums != NULL && all != NULL;
    for (; right && live < n; live++) {
        sums[live] = (sum){.seed = seed + live, .switches = (unsigned)test_random_below(&r, 30)};
        right = yodel_coroutine_new(add_up_switching, &sums[live], &all[live]) == 0;
    }
    while (right && live > 0) {
        size_t i = test_random_below(&r, live);
        if (!yodel_coroutine_resume(all[i])) {
            all[i] = all[--live];
        }
    }
    for (size_t i = 0; right && i < n; i++) {
        sum expected = sums[i];
        add_up(&expected, false);
        right = expected.whole == sums[i].whole && expected.parts == sums[i].parts;
    }
    free(all);
    free(sums);
    return right;
}

static void test_values_survive_switches(void **state)
{
    test_random r;
    (void)state;
    test_random_init(&r, "values");
    assert_true(run_many(300, test_random_next(&r)));
}

enum { THREADS = 4, ALL = 2500 };

static void *run_share(void *arg)
{
    test_random *r = arg;
    for (int i = 0; i < 2; i++) { /* the second time on used stacks */
        if (!run_many(ALL / THREADS, test_random_next(r))) {
            return NULL;
        }
    }
    return arg;
}

static void test_thousands_on_several_threads(void **state)
{
    pthread_t threads[THREADS];
    test_random r[THREADS];
    size_t maps = faults.maps;
    size_t unmaps = faults.unmaps;
    (void)state;
    for (size_t i = 0; i < THREADS; i++) {
        test_random_init(&r[i], "threads");
        r[i].state += i;
        assert_int_equal(pthread_create(&threads[i], NULL, run_share, &r[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, &r[i]);
    }
    /* One stack for each that lived at a time; a thread that ends leaves none behind. */
    assert_int_equal(faults.maps - maps, ALL);
    assert_int_equal(faults.unmaps - unmaps, ALL);
}

/* --- stacks ------------------------------------------------------------------------------------*/

static void note_stack(void *arg)
{
    *(uintptr_t *)arg = (uintptr_t)__builtin_frame_address(0);
}

static void test_a_stack_is_used_again(void **state)
{
    uintptr_t first = 0;
    uintptr_t second = 0;
    (void)state;
    assert_false(yodel_coroutine_resume(make(note_stack, &first)));
    size_t maps = faults.maps;
    for (int i = 0; i < 5000; i++) {
        assert_false(yodel_coroutine_resume(make(note_stack, &second)));
        assert_int_equal(second, first);
    }
    assert_int_equal(faults.maps, maps);
}

static bool is_mapped(uintptr_t address)
{
    unsigned char in_memory;
    uintptr_t page = address & ~(uintptr_t)(sysconf(_SC_PAGESIZE) - 1);
    return mincore((void *)page, 1, &in_memory) == 0 /* NOLINT(performance-no-int-to-ptr) */
           || errno != ENOMEM;
}

static void note_stack_and_wait(void *arg)
{
    note_stack(arg);
    yodel_coroutine_suspend();
}

static void test_so_many_free_ones_are_kept(void **state)
{
    enum { MORE = 7, N = YODEL_COROUTINE_KEEP + MORE };
    static yodel_coroutine *all[N];
    static uintptr_t stacks[N];
    (void)state;
    yodel_coroutine_trim();
    for (int i = 0; i < N; i++) {
        all[i] = make(note_stack_and_wait, &stacks[i]);
        assert_true(yodel_coroutine_resume(all[i]));
    }
    size_t unmaps = faults.unmaps;
    size_t maps = faults.maps;
    for (int i = 0; i < N; i++) {
        assert_true(is_mapped(stacks[i]));
        assert_false(yodel_coroutine_resume(all[i]));
    }
    assert_int_equal(faults.unmaps - unmaps, MORE);
    for (int i = 0; i < YODEL_COROUTINE_KEEP; i++) {
        all[i] = make(note_stack, &stacks[i]);
    }
    assert_int_equal(faults.maps, maps);
    for (int i = 0; i < YODEL_COROUTINE_KEEP; i++) {
        assert_false(yodel_coroutine_resume(all[i]));
    }
    yodel_coroutine_trim();
    assert_int_equal(faults.unmaps - unmaps, N);
    assert_false(is_mapped(stacks[0]));
    yodel_coroutine_trim(); /* nothing left to do */
    assert_int_equal(faults.unmaps - unmaps, N);
}

/* Nearly all of the promised size is the coroutine's. */
static void use_most_of_it(void *arg)
{
    volatile char much[YODEL_COROUTINE_STACK - 8 * 1024];
    for (size_t i = 0; i < sizeof much; i++) {
        much[i] = (char)i;
    }
    yodel_coroutine_suspend();
    bool same = true;
    for (size_t i = 0; i < sizeof much; i++) {
        same = same && much[i] == (char)i;
    }
    *(bool *)arg = same;
}

static void test_a_stack_is_as_large_as_promised(void **state)
{
    bool same[2] = {false, false};
    yodel_coroutine *c[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        c[i] = make(use_most_of_it, &same[i]);
        assert_true(yodel_coroutine_resume(c[i]));
    }
    for (int i = 0; i < 2; i++) {
        assert_false(yodel_coroutine_resume(c[i]));
        assert_true(same[i]);
    }
}

/* --- overflow ----------------------------------------------------------------------------------*/

/* True when what lies right below the mapping of this address may not be touched. */
static bool is_guarded(uintptr_t address)
{
    char line[256];
    uintptr_t guard_end = 0;
    bool guarded = false;
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        char *rest;
        uintptr_t begin = strtoul(line, &rest, 16);
        uintptr_t end = strtoul(rest + 1, &rest, 16);
        if (begin <= address && address < end) {
            guarded = begin == guard_end;
        }
        guard_end = strncmp(rest, " ---p", 5) == 0 ? end : 0;
    }
    (void)fclose(maps);
    return guarded;
}

static void test_each_stack_has_a_guard_page(void **state)
{
    enum { SOME = 5 };
    yodel_coroutine *c[SOME];
    uintptr_t stacks[SOME];
    (void)state;
    yodel_coroutine_trim();
    for (int i = 0; i < SOME; i++) {
        c[i] = make(note_stack_and_wait, &stacks[i]);
        assert_true(yodel_coroutine_resume(c[i]));
        assert_true(is_guarded(stacks[i]));
    }
    for (int i = 0; i < SOME; i++) {
        assert_false(yodel_coroutine_resume(c[i]));
    }
}

/* In frames smaller than the guard page. */
__attribute__((noinline)) static int go_deeper(int depth)
{
    volatile char frame[1024];
    frame[0] = (char)depth;
    return depth <= 0 ? frame[0] : go_deeper(depth - 1) + frame[0];
}

static void overflow(void *arg)
{
    *(int *)arg = go_deeper(100000);
}

/* This program again, for one of the two things that are not for the process of the tests: how it
 * ended, and what it printed on stderr. cmocka puts a handler of its own in place of a sanitizer's.
 */
static int run_again(const char *what, char *text, size_t size)
{
    int out[2];
    assert_int_equal(pipe(out), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)dup2(out[1], STDERR_FILENO);
        (void)execl("/proc/self/exe", "test_coroutine", what, (char *)NULL);
        _exit(126);
    }
    close(out[1]);
    size_t len = 0;
    for (ssize_t n; len < size - 1 && (n = read(out[0], text + len, size - 1 - len)) > 0;) {
        len += (size_t)n;
    }
    text[len] = '\0';
    close(out[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static int overflow_in_a_coroutine(void)
{
    int result = 0;
    struct rlimit none = {0, 0};
    yodel_coroutine *c;
    (void)setrlimit(RLIMIT_CORE, &none);
    if (yodel_coroutine_new(overflow, &result, &c) == 0) {
        (void)yodel_coroutine_resume(c);
    }
    return result;
}

static void test_an_overflow_is_a_segmentation_fault(void **state)
{
    static char text[100000];
    (void)state;
    int status = run_again("overflow", text, sizeof text);
    if (program_sanitized()) {
        if (strstr(text, "stack-overflow") == NULL) {
            fail_msg("status %d: %s", status, text);
        }
    } else {
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGSEGV);
    }
}

/* --- no room -----------------------------------------------------------------------------------*/

static int no_more_faults(void **state)
{
    (void)state;
    faults_reset();
    return 0;
}

static void test_no_more_stacks(void **state)
{
    (void)state;
    order[0] = '\0';
    yodel_coroutine_trim();
    yodel_coroutine *before = make(say_thrice, "b");
    yodel_coroutine *untouched = before;
    assert_true(yodel_coroutine_resume(before));

    size_t unmaps = faults.unmaps;
    faults.fail_map = true;
    assert_int_equal(yodel_coroutine_new(say_thrice, "x", &untouched), -ENOMEM);
    assert_ptr_equal(untouched, before);
    assert_int_equal(faults.unmaps, unmaps);
    faults.fail_map = false;

    faults.fail_protect = true;
    assert_int_equal(yodel_coroutine_new(say_thrice, "x", &untouched), -ENOMEM);
    assert_ptr_equal(untouched, before);
    assert_int_equal(faults.unmaps, unmaps + 1); /* nothing is left of it */
    faults.fail_protect = false;

    assert_true(yodel_coroutine_resume(before));
    assert_false(yodel_coroutine_resume(before));
    /* A free stack needs no mapping. */
    faults.fail_map = true;
    yodel_coroutine *c = make(say_thrice, "c");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(yodel_coroutine_resume(c), i < 2);
    }
    assert_string_equal(order, "bbbccc");
}

static void wait_once(void *arg)
{
    (void)arg;
    yodel_coroutine_suspend();
}

/* The real thing: an address space that is full. All that could be made work to their end. */
static int fill_the_address_space(void)
{
    enum { MOST = 100000 };
    static yodel_coroutine *all[MOST];
    struct rlimit limit = {64 << 20, 64 << 20};
    size_t n = 0;
    if (setrlimit(RLIMIT_AS, &limit) < 0) {
        return 1;
    }
    int code = 0;
    while (n < MOST && (code = yodel_coroutine_new(wait_once, NULL, &all[n])) == 0) {
        n++;
    }
    if (code != -ENOMEM || n < 100 || n > 1000) {
        return 2;
    }
    for (size_t i = 0; i < n; i++) {
        if (!yodel_coroutine_resume(all[i])) {
            return 3;
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (yodel_coroutine_resume(all[i])) {
            return 4;
        }
    }
    return 42;
}

static void test_a_full_address_space(void **state)
{
    static char text[1000];
    (void)state;
    if (program_sanitized()) {
        skip(); /* the shadow memory is larger than any limit */
    }
    int status = run_again("fill", text, sizeof text);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 42);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        return strcmp(argv[1], "fill") == 0 ? fill_the_address_space() : overflow_in_a_coroutine();
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs_when_resumed_only),
        cmocka_unit_test(test_one_resumes_another),
        cmocka_unit_test(test_values_survive_switches),
        cmocka_unit_test(test_thousands_on_several_threads),
        cmocka_unit_test(test_a_stack_is_used_again),
        cmocka_unit_test(test_so_many_free_ones_are_kept),
        cmocka_unit_test(test_a_stack_is_as_large_as_promised),
        cmocka_unit_test(test_each_stack_has_a_guard_page),
        cmocka_unit_test(test_an_overflow_is_a_segmentation_fault),
        cmocka_unit_test_teardown(test_no_more_stacks, no_more_faults),
        cmocka_unit_test(test_a_full_address_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
