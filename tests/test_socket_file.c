/*
 * The file of a unix-domain listener: whose it is, who may use it, what it replaces and what it
 * does not, and that nobody else's is removed.
 */
#include "core/socket_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/files.h"

static char path[FILES_PATH];

static int setup(void **state)
{
    int code = files_setup(state);
    (void)files_path("socket", path);
    return code;
}

static yodel_address address_of(const char *file)
{
    char host[FILES_PATH + 8];
    yodel_address *list;
    size_t count;
    (void)snprintf(host, sizeof host, "unix:%s", file);
    assert_int_equal(yodel_address_resolve(host, "", &list, &count), 0);
    yodel_address address = list[0];
    free(list);
    return address;
}

static int new_socket(int type)
{
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    return fd;
}

/* A socket with the file, which listens if it is to. */
static int serve(const yodel_socket_access *wanted, yodel_socket_file *file, bool listens)
{
    yodel_address address = address_of(path);
    int fd = new_socket(SOCK_STREAM);
    assert_int_equal(yodel_socket_file_bind(fd, &address, wanted, file), 0);
    assert_true(file->ours);
    if (listens) {
        assert_int_equal(listen(fd, 1), 0);
    }
    return fd;
}

static mode_t mode_of(const char *file)
{
    struct stat status;
    assert_int_equal(lstat(file, &status), 0);
    return status.st_mode;
}

/* --- who may use it --- */

static void test_the_mode_is_what_is_asked_for(void **state)
{
    (void)state;
    static const mode_t umasks[] = {0, 022, 077, 0777};
    static const mode_t modes[] = {0600, 0660, 0666, 0777, 0};
    yodel_address address = address_of(path);
    for (size_t u = 0; u < sizeof umasks / sizeof umasks[0]; u++) {
        for (size_t m = 0; m < sizeof modes / sizeof modes[0]; m++) {
            yodel_socket_access wanted = {modes[m], (uid_t)-1, (gid_t)-1};
            yodel_socket_file file;
            mode_t before = umask(umasks[u]);
            int fd = serve(&wanted, &file, false);
            assert_int_equal(umask(before), umasks[u]); /* it leaves the process's alone */
            assert_int_equal(mode_of(path), S_IFSOCK | modes[m]);
            yodel_socket_file_remove(&file, &address);
            close(fd);
        }
    }
    yodel_socket_file file;
    close(serve(NULL, &file, false));
    assert_int_equal(mode_of(path), S_IFSOCK | 0660);
}

static void test_the_owner_is_who_is_asked_for(void **state)
{
    (void)state;
    yodel_address address = address_of(path);
    yodel_socket_access wanted = {0640, 4711, 4712};
    yodel_socket_file file = {0};
    if (geteuid() != 0) {
        /* Others cannot give files away; then there is none. */
        int fd = new_socket(SOCK_STREAM);
        assert_int_equal(yodel_socket_file_bind(fd, &address, &wanted, &file), -EPERM);
        assert_false(file.ours);
        assert_int_equal(access(path, F_OK), -1);
        close(fd);
        return;
    }
    int fd = serve(&wanted, &file, false);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_uid, 4711);
    assert_int_equal(status.st_gid, 4712);
    assert_int_equal(status.st_mode, S_IFSOCK | 0640);
    yodel_socket_file_remove(&file, &address);
    assert_int_equal(access(path, F_OK), -1);
    close(fd);
}

/* --- what is there already --- */

static void expect_not_bound(int code)
{
    yodel_address address = address_of(path);
    yodel_socket_file file = {0};
    int fd = new_socket(SOCK_STREAM);
    assert_int_equal(yodel_socket_file_bind(fd, &address, NULL, &file), code);
    assert_false(file.ours);
    close(fd);
}

static void test_a_dead_servers_file_is_replaced(void **state)
{
    (void)state;
    yodel_socket_file dead;
    yodel_socket_file living;
    yodel_address address = address_of(path);
    close(serve(NULL, &dead, true));
    int fd = serve(NULL, &living, true);
    int client = new_socket(SOCK_STREAM);
    assert_int_equal(connect(client, (struct sockaddr *)&address.storage, address.len), 0);
    close(client);

    /* The dead one's is gone, and another's is not removed for it. (The inode may be the same: then
     * there is nothing to tell them apart by.) */
    if (dead.inode != living.inode) {
        yodel_socket_file_remove(&dead, &address);
        assert_int_equal(access(path, F_OK), 0);
    }
    yodel_socket_file_remove(&living, &address);
    assert_int_equal(access(path, F_OK), -1);
    assert_false(living.ours);
    yodel_socket_file_remove(&living, &address); /* again: no effect */
    close(fd);
}

/* Nobody listens there: it must not be said that somebody did. */
static void test_a_dead_servers_file_that_stays(void **state)
{
    (void)state;
    char dir[FILES_PATH];
    yodel_socket_file dead;
    bool root = geteuid() == 0;
    close(serve(&(yodel_socket_access){0666, (uid_t)-1, (gid_t)-1}, &dead, true));
    assert_int_equal(chmod(files_path(".", dir), 0555), 0);
    assert_true(!root || seteuid(65534) == 0);
    expect_not_bound(-EACCES);
    assert_true(!root || seteuid(0) == 0);
    assert_int_equal(chmod(dir, 0700), 0);
    assert_int_equal(access(path, F_OK), 0);
}

static void test_a_living_servers_file_is_not(void **state)
{
    (void)state;
    yodel_socket_file file;
    yodel_address address = address_of(path);
    int fd = serve(NULL, &file, true);
    expect_not_bound(-EADDRINUSE);

    /* Nor when its queue is full. */
    int clients[2];
    for (size_t i = 0; i < 2; i++) {
        clients[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(clients[i], (struct sockaddr *)&address.storage, address.len);
    }
    expect_not_bound(-EADDRINUSE);
    assert_int_equal(mode_of(path), S_IFSOCK | 0660);
    close(clients[0]);
    close(clients[1]);
    close(fd);
}

static void test_a_socket_of_another_kind_is_not(void **state)
{
    (void)state;
    yodel_address address = address_of(path);
    int fd = new_socket(SOCK_DGRAM);
    assert_int_equal(bind(fd, (struct sockaddr *)&address.storage, address.len), 0);
    expect_not_bound(-EADDRINUSE);
    close(fd);
}

static void test_what_is_no_socket_stays(void **state)
{
    (void)state;
    char target[FILES_PATH];
    files_put("socket", "precious\n");
    expect_not_bound(-EEXIST);
    assert_int_equal(mode_of(path), S_IFREG | (mode_of(path) & 0777));
    assert_int_equal(unlink(path), 0);

    assert_int_equal(mkdir(path, 0700), 0);
    expect_not_bound(-EEXIST);
    assert_int_equal(rmdir(path), 0);

    /* Also where a link leads, to nothing or to a dead server's socket. */
    assert_int_equal(symlink(files_path("elsewhere", target), path), 0);
    expect_not_bound(-EEXIST);
    yodel_address elsewhere = address_of(target);
    int fd = new_socket(SOCK_STREAM);
    assert_int_equal(bind(fd, (struct sockaddr *)&elsewhere.storage, elsewhere.len), 0);
    close(fd);
    expect_not_bound(-EEXIST);
    assert_int_equal(access(target, F_OK), 0);
}

static void test_another_thing_in_its_place_stays(void **state)
{
    (void)state;
    yodel_address address = address_of(path);
    yodel_socket_file file;
    int fd = serve(NULL, &file, true);
    assert_int_equal(unlink(path), 0);
    yodel_socket_file gone = file;
    yodel_socket_file_remove(&gone, &address); /* nothing there */
    files_put("socket", "precious\n");
    yodel_socket_file_remove(&file, &address);
    assert_int_equal(access(path, F_OK), 0);
    close(fd);
}

static void test_no_file_for_an_abstract_name(void **state)
{
    (void)state;
    char name[64];
    yodel_address *list;
    size_t count;
    yodel_socket_file file = {.ours = true};
    (void)snprintf(name, sizeof name, "unix:@yodel-test-socket-file-%d", (int)getpid());
    assert_int_equal(yodel_address_resolve(name, "", &list, &count), 0);
    int fd = new_socket(SOCK_STREAM);
    int second = new_socket(SOCK_STREAM);
    assert_int_equal(yodel_socket_file_bind(fd, list, NULL, &file), 0);
    assert_false(file.ours);
    assert_int_equal(yodel_socket_file_bind(second, list, NULL, &file), -EADDRINUSE);
    yodel_socket_file_remove(&file, list);
    close(fd);
    close(second);
    free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_mode_is_what_is_asked_for, setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_the_owner_is_who_is_asked_for, setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_a_dead_servers_file_is_replaced, setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(test_a_dead_servers_file_that_stays, setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_a_living_servers_file_is_not, setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_a_socket_of_another_kind_is_not, setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(test_what_is_no_socket_stays, setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_another_thing_in_its_place_stays, setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(test_no_file_for_an_abstract_name, setup, files_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
