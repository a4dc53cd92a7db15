/* Where a program is that was started by a path, relative or not, or by its name. */
#include "server/program_path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/files.h"

static char *old_path;

static int setup(void **state)
{
    const char *path = getenv("PATH");
    old_path = path != NULL ? strdup(path) : NULL;
    return files_setup(state);
}

static int teardown(void **state)
{
    int code = old_path != NULL ? setenv("PATH", old_path, 1) : unsetenv("PATH");
    free(old_path);
    return files_teardown(state) == 0 ? code : -1;
}

static void expect_remembered(const char *argv0, const char *wanted)
{
    char *name = NULL;
    assert_int_equal(yodel_program_path_remember(argv0, &name), 0);
    assert_string_equal(name, wanted);
    free(name);
}

static void test_remembered(void **state)
{
    (void)state;
    char *here = getcwd(NULL, 0);
    char directory[FILES_PATH], wanted[FILES_PATH + 30];
    assert_int_equal(chdir(files_path("", directory)), 0);
    directory[strlen(directory) - 1] = '\0';
    expect_remembered("/usr/bin/yodel-server", "/usr/bin/yodel-server");
    expect_remembered("yodel-server", "yodel-server");
    expect_remembered("", "");
    (void)snprintf(wanted, sizeof wanted, "%s/./bin/yodel-server", directory);
    expect_remembered("./bin/yodel-server", wanted);
    (void)snprintf(wanted, sizeof wanted, "%s/current/yodel-server", directory);
    expect_remembered("current/yodel-server", wanted);
    assert_int_equal(chdir(here), 0);
    free(here);
}

static void test_no_working_directory(void **state)
{
    (void)state;
    char *here = getcwd(NULL, 0);
    char *name = NULL;
    char gone[FILES_PATH];
    files_put("gone/file", "");
    assert_int_equal(unlink(files_path("gone/file", gone)), 0);
    assert_int_equal(chdir(files_path("gone", gone)), 0);
    assert_int_equal(rmdir(gone), 0);
    assert_int_equal(yodel_program_path_remember("./yodel-server", &name), -ENOENT);
    assert_null(name);
    assert_int_equal(chdir(here), 0);
    free(here);
}

static void put_program(const char *name, mode_t mode)
{
    char path[FILES_PATH];
    files_put(name, "");
    assert_int_equal(chmod(files_path(name, path), mode), 0);
}

static void set_path(const char *directories[], size_t count)
{
    char value[4 * FILES_PATH] = "/nowhere";
    for (size_t i = 0; i < count; i++) {
        char path[FILES_PATH];
        strcat(value, ":");
        strcat(value, files_path(directories[i], path));
    }
    assert_int_equal(setenv("PATH", value, 1), 0);
}

static void test_found_in_path(void **state)
{
    (void)state;
    char found[PATH_MAX], wanted[FILES_PATH];
    put_program("plain/program", 0600);
    put_program("second/program", 0700);
    put_program("third/program", 0700);
    files_put("directory/program/file", "");
    set_path((const char *[]){"plain", "directory", "second", "third"}, 4);
    assert_int_equal(yodel_program_path_find("program", found), 0);
    assert_string_equal(found, files_path("second/program", wanted));
    /* Anew each time. */
    assert_int_equal(unlink(files_path("second/program", wanted)), 0);
    assert_int_equal(yodel_program_path_find("program", found), 0);
    assert_string_equal(found, files_path("third/program", wanted));
    assert_int_equal(yodel_program_path_find("no-such-program", found), -ENOENT);
}

static void test_found_without_path(void **state)
{
    (void)state;
    char found[PATH_MAX];
    assert_int_equal(unsetenv("PATH"), 0);
    assert_int_equal(yodel_program_path_find("sh", found), 0);
    assert_string_equal(found, "/bin/sh");
}

/* An empty directory in PATH is the working one. */
static void test_found_here(void **state)
{
    (void)state;
    char *here = getcwd(NULL, 0);
    char directory[FILES_PATH], found[PATH_MAX];
    put_program("program", 0700);
    assert_int_equal(chdir(files_path("", directory)), 0);
    assert_int_equal(setenv("PATH", "/nowhere::/bin", 1), 0);
    assert_int_equal(yodel_program_path_find("program", found), 0);
    assert_string_equal(found, "./program");
    assert_int_equal(chdir(here), 0);
    free(here);
}

/* A path is what it is, whether there is anything or not: exec says what is wrong with it. */
static void test_a_path(void **state)
{
    (void)state;
    char found[PATH_MAX];
    char long_path[PATH_MAX + 10];
    assert_int_equal(yodel_program_path_find("/no/such/program", found), 0);
    assert_string_equal(found, "/no/such/program");
    memset(long_path, '/', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    assert_int_equal(yodel_program_path_find(long_path, found), -ENAMETOOLONG);
}

int main(void)
{
#define path_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        path_test(test_remembered),    path_test(test_no_working_directory),
        path_test(test_found_in_path), path_test(test_found_without_path),
        path_test(test_found_here),    path_test(test_a_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
