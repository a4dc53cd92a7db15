/* What the files of program.[ch] share; for nobody else. */
#ifndef YODEL_TESTS_PROGRAM_INTERNAL_H
#define YODEL_TESTS_PROGRAM_INTERNAL_H

#include "program.h"

/* Between two looks at what a program printed; its end is noticed at once. */
#define LOOK_MS 2

typedef struct output {
    int fd;     /* the memory file, -1 when the caller gave a descriptor of its own */
    char *text; /* what was read from it, NUL behind */
    size_t len;
} output;

struct program {
    program *next; /* in all_programs */
    char *command; /* for messages */
    pid_t pid;
    int pidfd;
    int stdin_fd; /* our end of the pipe, or -1 */
    bool shown;   /* in a message of failure */
    bool exited;
    int status; /* once exited, as program_wait_exit returns it */
    output outputs[2];
    char *line; /* what program_wait_lines returned last */
};

/* All that run or can still be looked at. */
extern program *all_programs;

/* Notices that it exited, waiting for that up to `ms`. */
bool look_exited(program *p, int ms);

#endif
