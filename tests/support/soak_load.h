/*
 * The load of a soak: floods of every kind side by side, each run again when it is over, one of
 * them killed (kill -9) time and again, and what their reports say together.
 */
#ifndef YODEL_TESTS_SOAK_LOAD_H
#define YODEL_TESTS_SOAK_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "program.h"
#include "random.h"

#define SOAK_FLOODS 5

/* One of them, which runs now. */
typedef struct soak_flood {
    program *program; /* NULL: none */
    bool restarted;   /* the server went away meanwhile */
    double kill_at;   /* 0: it may end by itself */
} soak_flood;

typedef struct soak_load {
    uint16_t port;
    char length[16]; /* of a flood's run: --duration */
    test_random *random;
    soak_flood running[SOAK_FLOODS];
    size_t runs, killed; /* floods that ended by themselves, and by our hand */
    /* From the reports: */
    int64_t sent, answered, abandoned, connected;
    int64_t lost, ended; /* lines, connections: while the server restarted */
} soak_load;

/* Reads the reports of those that have ended and fails the test for one wrong byte, or for anything
 * missing unless the server restarted; kills what is to be killed; and, if `more`, starts each kind
 * that does not run. Returns how many run. */
size_t soak_load_look(soak_load *load, bool more);

/* The server restarts now: what runs may lose answers, but get no wrong ones. */
void soak_load_restarted(soak_load *load);

#endif
