/*
 * Users: what is read from the command line, and becoming one, which is tried in a child process
 * because there is no way back.
 */
#include "server/user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"

static int parse(const char *text, yodel_user *user, char message[256])
{
    const yodel_complaint c = {message, 256};
    return yodel_user_parse("user", text, user, &c);
}

static yodel_user parse_good(const char *text)
{
    char message[256] = "";
    yodel_user user;
    if (parse(text, &user, message) != 0) {
        fail_msg("%s: %s", text, message);
    }
    assert_ptr_equal(user.text, text);
    return user;
}

static void test_names_and_numbers(void **state)
{
    (void)state;
    yodel_user root = parse_good("root");
    assert_int_equal(root.uid, 0);
    assert_int_equal(root.gid, 0);
    assert_string_equal(root.name, "root");
    root = parse_good("0");
    assert_int_equal(root.gid, 0);
    assert_string_equal(root.name, "root");

    const struct passwd *nobody = getpwnam("nobody");
    assert_non_null(nobody);
    uid_t uid = nobody->pw_uid;
    gid_t gid = nobody->pw_gid;
    yodel_user user = parse_good("nobody");
    assert_int_equal(user.uid, uid);
    assert_int_equal(user.gid, gid);
    user = parse_good("nobody:root");
    assert_int_equal(user.uid, uid);
    assert_int_equal(user.gid, 0);
    user = parse_good("nobody:4711");
    assert_int_equal(user.gid, 4711);

    /* Of a user that the system does not know there are only numbers. */
    user = parse_good("4294967294:4294967293");
    assert_int_equal(user.uid, 4294967294u);
    assert_int_equal(user.gid, 4294967293u);
    assert_string_equal(user.name, "");
}

static void test_what_is_no_user(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *why;
    } bad[] = {
        {"", "--user '' is not USER or USER:GROUP"},
        {":", "--user ':' is not USER or USER:GROUP"},
        {":root", "--user ':root' is not USER or USER:GROUP"},
        {"root:", "--user 'root:' is not USER or USER:GROUP"},
        {"no-such-user", "--user: there is no user 'no-such-user'"},
        {"no-such-user:root", "--user: there is no user 'no-such-user'"},
        {"root:no-such-group", "--user: there is no group 'no-such-group'"},
        {"4294967294", "--user '4294967294': the system knows no such user; say USER:GROUP"},
        {"4294967295:0", "--user: there is no user '4294967295'"}, /* -1 to the kernel */
        {"-1", "--user: there is no user '-1'"},
        {"root:root:root", "--user: there is no group 'root:root'"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        yodel_user user = {.uid = 12345};
        char message[256] = "";
        assert_int_equal(parse(bad[i].text, &user, message), -EINVAL);
        assert_string_equal(message, bad[i].why);
        assert_int_equal(user.uid, 12345);
    }
}

/* --- becoming --- */

static char last_line[256];

static void keep(yodel_log *log, yodel_log_level level, const char *text, size_t len)
{
    (void)log;
    (void)level;
    (void)snprintf(last_line, sizeof last_line, "%.*s", (int)len, text);
}

static yodel_log kept = {.level = YODEL_LOG_DEBUG, .sink = keep};

/* In a child: which condition did not hold, 0: none. */
typedef int child_body(void);

static void expect_in_child(child_body *body)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(body());
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* NOLINTBEGIN(readability-magic-numbers): each condition has its own */
static int becomes_nobody(void)
{
    char message[256];
    yodel_user user;
    uid_t uid[3];
    gid_t gid[3];
    gid_t groups[64];
    if (parse("nobody", &user, message) < 0 || yodel_user_become(&user, &kept) != 0) {
        return 1;
    }
    if (getresuid(&uid[0], &uid[1], &uid[2]) < 0 || getresgid(&gid[0], &gid[1], &gid[2]) < 0) {
        return 2;
    }
    for (size_t i = 0; i < 3; i++) {
        if (uid[i] != user.uid || gid[i] != user.gid) {
            return 3;
        }
    }
    int count = getgroups(64, groups);
    for (int i = 0; i < count; i++) {
        if (groups[i] == 0) {
            return 4; /* root's */
        }
    }
    if (setuid(0) == 0 || setgid(0) == 0 || seteuid(0) == 0) {
        return 5;
    }
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) {
        return 6;
    }
    if (strstr(last_line, "running as user") == NULL) {
        return 7;
    }
    /* Again, as after an upgrade: there is nothing to do, and nothing is said. */
    last_line[0] = '\0';
    if (yodel_user_become(&user, &kept) != 0 || last_line[0] != '\0') {
        return 8;
    }
    /* Anybody else is out of reach. */
    yodel_user root;
    if (parse("root", &root, message) < 0 || yodel_user_become(&root, &kept) != -EPERM) {
        return 9;
    }
    return strcmp(last_line, "cannot run as user root: only root can become another user") == 0
               ? 0
               : 10;
}

static int becomes_a_number(void)
{
    char message[256];
    yodel_user user;
    gid_t groups[64];
    if (parse("4711:4712", &user, message) < 0 || yodel_user_become(&user, &kept) != 0) {
        return 1;
    }
    return getuid() == 4711 && getegid() == 4712 && getgroups(64, groups) == 1 && groups[0] == 4712
               ? 0
               : 2;
}
/* NOLINTEND(readability-magic-numbers) */

static void test_root_becomes_nobody_for_good(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("only root can become another user: skipped\n");
        skip();
    }
    expect_in_child(becomes_nobody);
    expect_in_child(becomes_a_number);
}

static void test_nothing_to_do(void **state)
{
    (void)state;
    yodel_user me = {.uid = getuid(), .gid = getgid(), .text = "me"};
    last_line[0] = '\0';
    assert_int_equal(yodel_user_become(&me, &kept), 0);
    assert_string_equal(last_line, "");
    assert_int_equal(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_numbers),
        cmocka_unit_test(test_what_is_no_user),
        cmocka_unit_test(test_root_becomes_nobody_for_good),
        cmocka_unit_test(test_nothing_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
