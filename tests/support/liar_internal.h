/*
 * What the files of the liar share. All but liar.stopping and the counts belongs to its thread.
 */
#ifndef YODEL_TESTS_LIAR_INTERNAL_H
#define YODEL_TESTS_LIAR_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"
#include "core/list.h"
#include "liar.h"

enum { LIAR_MOST_RULES = 32, LIAR_READ = 64 * 1024 };

/* A part of what a connection has to send. */
typedef struct liar_piece {
    uint64_t due; /* not before this instant; 0: now */
    size_t len;
    liar_lie then; /* LIAR_FINISH or LIAR_RESET when it is sent, or LIAR_NOTHING */
    bool drip;
    bool waits; /* LIAR_EXCHANGE: what it will be is not known yet */
} liar_piece;

typedef struct liar_connection {
    yodel_list node; /* of liar.connections or liar.dead */
    struct liar *liar;
    int fd;            /* -1: closed */
    unsigned number;   /* from 1 */
    uint32_t watching; /* epoll's events */
    uint64_t lines;

    yodel_buffer in; /* a line whose end has not come */
    yodel_buffer out;
    liar_piece *pieces; /* of out; first to count - 1 are left */
    size_t first, count, room;

    yodel_buffer held; /* an answer of LIAR_SWAP ... */
    int held_for;      /* ... that comes behind so many others; 0: none is held */
    bool overtaken;    /* one of them has come */

    bool eof;      /* the client has sent its FIN */
    bool deaf;     /* does not read any more */
    bool ended;    /* by a rule: what comes is thrown away */
    bool finished; /* our FIN is sent */
    bool stays;    /* LIAR_STAY */
    bool blocked;  /* the kernel takes no more for now */
} liar_connection;

struct liar {
    liar *next; /* of all that run */
    liar_options options;
    liar_rule rules[LIAR_MOST_RULES];
    unsigned followed[LIAR_MOST_RULES]; /* so often */

    pthread_t thread;
    int listener, epoll, timer, wake; /* wake: an eventfd, to stop it */
    uint16_t port;

    uint64_t now;       /* of this turn */
    uint64_t timer_set; /* to this instant; UINT64_MAX: not */
    uint64_t pause_at;  /* UINT64_MAX: not, or not yet */
    unsigned number;    /* of the last connection */
    bool all_deaf;
    bool said_first; /* the first line has come */
    yodel_list connections;
    yodel_list dead;            /* to be freed when the turn is over */
    liar_connection *exchanges; /* waits for another connection's answer */
    yodel_buffer exchanged;     /* its own one */

    yodel_buffer answer; /* being made */
    char input[LIAR_READ];

    atomic_uint_fast64_t accepted, closed, lines, answers, did[LIAR_LIES];
};

/* --- liar.c ------------------------------------------------------------------------------------*/

/* Ends the process when it does not hold. */
void liar_must(bool holds, const char *what);

/* --- liar_rules.c: what is said ----------------------------------------------------------------*/

/* The rule for the connection's line, which is marked as followed; NULL: none. Line 0: the rule for
 * the connection that is this lie. */
const liar_rule *liar_rule_for(liar_connection *c, liar_lie lie);

/* Answers a line (without its CRLF). */
void liar_answer(liar_connection *c, const char *line, size_t len);

/* The client's FIN has come: nothing else will. */
void liar_answer_rest(liar_connection *c);

/* The connection ends. */
void liar_forget_answers(liar_connection *c);

/* --- liar_connection.c: a socket's life --------------------------------------------------------*/

void liar_connection_new(liar *l, int fd);
void liar_connection_free(liar_connection *c);

/* To be sent behind all the rest, as a piece like this; len is not looked at. */
void liar_say(liar_connection *c, const liar_piece *how, const void *data, size_t len);

/* What the piece that waits is. */
void liar_fill(liar_connection *c, const void *data, size_t len);

/* Sends what is due. */
void liar_flush(liar_connection *c);

void liar_readable(liar_connection *c);
void liar_close(liar_connection *c);

/* When to flush next; UINT64_MAX: not because of time. */
uint64_t liar_next_due(const liar_connection *c);

#endif
