/*
 * upgrade: has a new process take this one's place, without a moment in which nobody accepts.
 *
 * The program is started again as this process was (program_path.h) with the same arguments and the
 * same listening sockets (successor.h). As soon as it says that it serves, done is called. Until
 * then this process does what it always does; and it goes on if nothing comes of it: the new one
 * cannot be run, exits, is not ready in time (then it is killed). The log has one error line that
 * says why. SIGCHLD gets its default: where whoever started this process ignores it, nobody could
 * tell how a child has ended.
 *
 * All functions are for the thread of the loop.
 */
#ifndef YODEL_SERVER_UPGRADE_H
#define YODEL_SERVER_UPGRADE_H

#include "core/log.h"
#include "core/loop.h"
#include "server/successor.h"

#include <stdbool.h>

/* All borrowed. */
typedef struct yodel_upgrade_config {
    const char *program; /* as yodel_program_path_remember made it */
    char *const *argv;
    double timeout; /* seconds for the new process to become ready */
    yodel_log *log;
    /* Its end: the number of the new process, which serves; or 0, it has come to nothing. */
    void (*done)(void *arg, pid_t pid);
    void *arg;
} yodel_upgrade_config;

typedef struct yodel_upgrade {
    const yodel_upgrade_config *config;
    yodel_loop *loop;
    bool under_way;
    yodel_successor successor;
    ev_io ready;
    yodel_timer look;  /* whether it has exited, or its time is over */
    uint64_t deadline; /* instant; then it is killed */
    bool closed;       /* the pipe is, without a word */
    bool killed;       /* it was not ready in time */
    int cannot_run;    /* errno of exec; 0: none */
} yodel_upgrade;

void yodel_upgrade_init(yodel_upgrade *upgrade, yodel_loop *loop,
                        const yodel_upgrade_config *config);

/* Begins, and logs that. False when it failed at once, of which the log has said why; done is not
 * called then. One at a time: see under_way. */
bool yodel_upgrade_start(yodel_upgrade *upgrade, const yodel_passed_fd *fds, size_t count);

/* Kills the new process, if one is under way; done is not called. But one that has said meanwhile
 * that it is ready is left to serve, and done is called. */
void yodel_upgrade_give_up(yodel_upgrade *upgrade);

#endif
