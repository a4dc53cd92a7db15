/*
 * user: whom the server runs as, once it has bound what only root may bind (--user), and whose a
 * socket's file is (--unix-owner).
 */
#ifndef YODEL_SERVER_USER_H
#define YODEL_SERVER_USER_H

#include "core/log.h"
#include "core/option_error.h"

#include <stdbool.h>
#include <sys/types.h>

typedef struct yodel_user {
    uid_t uid;
    gid_t gid;        /* the one that was named, or the user's own */
    const char *text; /* as it was written; NULL: nobody was named */
    char name[64]; /* of the user, whose supplementary groups it gets; "": the system knows none */
} yodel_user;

/* Reads "USER" or "USER:GROUP", names or numbers; a number that no user has needs a group. text is
 * borrowed. 0; -EINVAL, and the complaint names the option (without its dashes) and what is wrong:
 * no such user, no such group. Asks the system's user database and may block for that. */
int yodel_user_parse(const char *option, const char *text, yodel_user *user,
                     const yodel_complaint *c);

/* Becomes this user for good: groups, then ids, and it looks whether there is a way back. Programs
 * that it starts gain no rights by being setuid either. Nothing happens when the process is that
 * user already. 0; else a negative errno, and log has one line of why: -EPERM when this process may
 * not become another. After a failure the process is to end. Threads that run already become that
 * user, too, but are not kept from starting programs that gain rights. */
int yodel_user_become(const yodel_user *user, yodel_log *log);

#endif
