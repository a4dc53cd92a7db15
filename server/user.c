#include "server/user.h"

#include "core/error.h"
#include "core/units.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* -1 as an id means "leave it as it is" to the kernel. */
#define MOST_ID (UINT32_MAX - 1)

/* --- reading --- */

static bool is_number(const char *text, uint32_t *id)
{
    uint64_t number;
    if (yodel_parse_count(text, 0, MOST_ID, &number) < 0) {
        return false;
    }
    *id = (uint32_t)number;
    return true;
}

/* A name that is a number is a number: useradd(8) makes none such. */
static int find_user(const char *option, const char *name, bool needs_group, yodel_user *user,
                     const yodel_complaint *c)
{
    uint32_t id = 0;
    bool number = is_number(name, &id);
    errno = 0;
    const struct passwd *entry = number ? getpwuid(id) : getpwnam(name);
    if (entry == NULL && !number) {
        return yodel_complain(c, "--%s: there is no user '%s'", option, name);
    }
    if (entry == NULL && needs_group) {
        return yodel_complain(c, "--%s '%s': the system knows no such user; say USER:GROUP", option,
                              name);
    }
    if (entry == NULL) {
        user->uid = id;
        return 0;
    }
    if (strlen(entry->pw_name) >= sizeof(user->name)) {
        return yodel_complain(c, "--%s: the name of user '%s' is too long", option, name);
    }
    user->uid = entry->pw_uid;
    user->gid = entry->pw_gid;
    (void)strcpy(user->name, entry->pw_name);
    return 0;
}

static int find_group(const char *option, const char *name, yodel_user *user,
                      const yodel_complaint *c)
{
    uint32_t id;
    if (is_number(name, &id)) {
        user->gid = id;
        return 0;
    }
    const struct group *entry = getgrnam(name);
    if (entry == NULL) {
        return yodel_complain(c, "--%s: there is no group '%s'", option, name);
    }
    user->gid = entry->gr_gid;
    return 0;
}

int yodel_user_parse(const char *option, const char *text, yodel_user *user,
                     const yodel_complaint *c)
{
    yodel_user found = {.text = text};
    const char *colon = strchr(text, ':');
    char name[sizeof(found.name)];
    size_t len = colon != NULL ? (size_t)(colon - text) : strlen(text);
    if (len == 0 || len >= sizeof(name) || (colon != NULL && colon[1] == '\0')) {
        return yodel_complain(c, "--%s '%s' is not USER or USER:GROUP", option, text);
    }
    memcpy(name, text, len);
    name[len] = '\0';
    int code = find_user(option, name, colon == NULL, &found, c);
    if (code == 0 && colon != NULL) {
        code = find_group(option, colon + 1, &found, c);
    }
    if (code == 0) {
        *user = found;
    }
    return code;
}

/* --- becoming --- */

static bool is_already(const yodel_user *user)
{
    uid_t uid[3];
    gid_t gid[3];
    (void)getresuid(&uid[0], &uid[1], &uid[2]);
    (void)getresgid(&gid[0], &gid[1], &gid[2]);
    for (size_t i = 0; i < 3; i++) {
        if (uid[i] != user->uid || gid[i] != user->gid) {
            return false;
        }
    }
    return true;
}

static int change(const yodel_user *user)
{
    int result =
        user->name[0] != '\0' ? initgroups(user->name, user->gid) : setgroups(1, &user->gid);
    if (result < 0 || setresgid(user->gid, user->gid, user->gid) < 0 ||
        setresuid(user->uid, user->uid, user->uid) < 0) {
        return -errno;
    }
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

/* Being root again would have to fail. */
static bool way_back(const yodel_user *user)
{
    return user->uid != 0 && (setresuid((uid_t)-1, 0, (uid_t)-1) == 0 || setuid(0) == 0);
}

int yodel_user_become(const yodel_user *user, yodel_log *log)
{
    if (is_already(user)) {
        return 0;
    }
    int code = change(user);
    if (code == -EPERM) {
        yodel_log_write(log, YODEL_LOG_ERROR,
                        "cannot run as user %s: only root can become another user", user->text);
    } else if (code < 0) {
        yodel_log_write(log, YODEL_LOG_ERROR, "cannot run as user %s: %s", user->text,
                        yodel_strerror(code));
    } else if (!is_already(user) || way_back(user)) {
        yodel_log_write(log, YODEL_LOG_ERROR,
                        "cannot run as user %s: the rights of root could not be dropped",
                        user->text);
        code = -EPERM;
    } else {
        yodel_log_write(log, YODEL_LOG_INFO, "running as user %u, group %u", user->uid, user->gid);
    }
    return code;
}
