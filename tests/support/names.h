/*
 * Names that the test makes up.
 *
 * names_begin moves this process into a network of its own, in which there is nothing but loopback,
 * and puts files of the test's in the place of /etc/hosts and /etc/resolv.conf; the name server
 * there is the test, on 127.0.0.1 port 53 of that network. Not every machine lets a process do that
 * (it takes root or user namespaces, and no thread): then tests have to be skipped.
 */
#ifndef YODEL_TESTS_NAMES_H
#define YODEL_TESTS_NAMES_H

#include "core/loop.h"

#include <stdbool.h>
#include <stddef.h>

/* hosts: the text of /etc/hosts. Without a name server, questions are refused at once. At the
 * beginning of main; false: not here. */
bool names_begin(const char *hosts);

/* What the name server says to questions for a name. */
typedef struct names_answer {
    const char *name;
    const char *addresses; /* words; the IPv4 ones for A, the others for AAAA; may be "" */
    int rcode;             /* 0; 2 SERVFAIL; 3 NXDOMAIN */
    unsigned lose;         /* so many questions are not answered; UINT_MAX: none ever is */
} names_answer;

/* The server; for names that it does not know it says NXDOMAIN. */
typedef struct names_server {
    ev_io io; /* first */
    yodel_loop *loop;
    names_answer *answers;
    size_t count;
    size_t questions; /* so far, about any name */
} names_server;

/* Starts it on a loop, in the test's thread. answers: borrowed, `lose` is counted down. */
void names_server_start(names_server *server, yodel_loop *loop, names_answer *answers,
                        size_t count);
void names_server_stop(names_server *server);

#endif
