/*
 * command: the command line of this run, to be shown and to be run again.
 */
#ifndef YODEL_FLOOD_COMMAND_H
#define YODEL_FLOOD_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

/* The command line quoted for a shell (POSIX), where quoting is needed. Allocated; NULL without
 * memory. Call it before argv is parsed: getopt(3) changes the order. */
char *yodel_command(int argc, char *const argv[]);

/* The command that sends the same lines and makes the same faults again: `command` with the seed,
 * which is put in if it was not given. Allocated; NULL without memory. */
char *yodel_command_replay(const char *command, uint64_t seed, bool seed_given);

#endif
