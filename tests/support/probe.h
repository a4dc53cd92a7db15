/*
 * A protocol for tests of the transport: it notes every callback and then does what the test says,
 * sensible or not.
 *
 *     probe_plan *plan = probe_start(f, &(yodel_transport_settings){.idle_timeout = 1},
 *                                    &(probe_plan){.data = consume_nothing});
 *     ...
 *     assert_string_equal(plan->trace, "made data lost");
 *
 * A hook that is NULL: data echoes and consumes everything, the others do nothing and return 0.
 * Instances are numbered in the order of connection_made; plan->of[i] is the i-th one until its
 * connection_lost has returned, which notes plan->reason[i]. Hooks must not assert (fixture.h).
 */
#ifndef YODEL_TESTS_PROBE_H
#define YODEL_TESTS_PROBE_H

#include "core/protocol.h"
#include "core/transport.h"
#include "fixture.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROBE_MAX 64

/* Nobody's reason: not lost yet. */
#define PROBE_ALIVE 1

typedef struct probe_plan probe_plan;

/* One instance. */
typedef struct probe {
    yodel_transport *transport;
    probe_plan *plan;
    size_t index;
} probe;

struct probe_plan {
    int (*made)(probe *p);
    ssize_t (*data)(probe *p, const uint8_t *data, size_t len);
    int (*eof)(probe *p);
    int (*pause)(probe *p);
    int (*resume)(probe *p);
    int (*drain)(probe *p);
    void (*lost)(probe *p, int reason);
    void *arg; /* the hooks' own */

    probe *of[PROBE_MAX];
    int reason[PROBE_MAX];
    size_t made_count;
    size_t data_count;
    size_t pause_count;
    size_t resume_count;
    size_t lost_count;
    size_t bytes;    /* consumed, in all */
    char trace[512]; /* the names of the callbacks in their order; cut when it is full */
    const probe *in; /* whose made, data, eof, drain or lost is running */
    bool nested;     /* one of these ran inside another one */
};

/* Starts the fixture with a probe as its protocol. settings (but for the factory; NULL: defaults)
 * and hooks are copied; the plan that is returned lives until the next start, so also while the
 * fixture is torn down. plain: see below. */
probe_plan *probe_start(fixture *f, const yodel_transport_settings *settings,
                        const probe_plan *hooks);
probe_plan *probe_start_plain(fixture *f, const yodel_transport_settings *settings,
                              const probe_plan *hooks);

/* With all callbacks. */
yodel_protocol_factory probe_factory(probe_plan *plan);

/* Without pause_writing, resume_writing, eof_received and drain: the transport's own ways. */
yodel_protocol_factory probe_plain_factory(probe_plan *plan);

/* A hook: consumes everything and says nothing. */
ssize_t probe_swallow(probe *p, const uint8_t *data, size_t len);

/* Bytes that do not repeat, always the same ones; free with test_free. */
uint8_t *probe_pattern(size_t len);

#endif
