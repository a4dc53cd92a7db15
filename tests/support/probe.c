#include "tests/support/probe.h"

#include <string.h>

#include "tests/support/cmocka_all.h"

static void note(probe_plan *plan, const char *name)
{
    size_t used = strlen(plan->trace);
    if (used + 1 + strlen(name) < sizeof plan->trace) {
        if (used > 0) {
            plan->trace[used++] = ' ';
        }
        memcpy(plan->trace + used, name, strlen(name) + 1);
    }
}

static void enter(probe *p)
{
    if (p->plan->in != NULL) {
        p->plan->nested = true;
    }
    p->plan->in = p;
}

static void leave(probe *p)
{
    p->plan->in = NULL;
}

static int made(void *self, yodel_transport *transport, void *arg)
{
    probe *p = self;
    p->transport = transport;
    p->plan = arg;
    p->index = p->plan->made_count++;
    p->plan->of[p->index % PROBE_MAX] = p;
    p->plan->reason[p->index % PROBE_MAX] = PROBE_ALIVE;
    note(p->plan, "made");
    enter(p);
    int code = p->plan->made != NULL ? p->plan->made(p) : 0;
    leave(p);
    return code;
}

static ssize_t data(void *self, const uint8_t *bytes, size_t len)
{
    probe *p = self;
    p->plan->data_count++;
    note(p->plan, "data");
    enter(p);
    ssize_t used = (ssize_t)len;
    if (p->plan->data != NULL) {
        used = p->plan->data(p, bytes, len);
    } else if (yodel_transport_write(p->transport, bytes, len) < 0) {
        used = -1;
    }
    p->plan->bytes += used > 0 ? (size_t)used : 0;
    leave(p);
    return used;
}

static int eof(void *self)
{
    probe *p = self;
    note(p->plan, "eof");
    enter(p);
    int code = p->plan->eof != NULL ? p->plan->eof(p) : 0;
    leave(p);
    return code;
}

static int pause_writing(void *self)
{
    probe *p = self;
    p->plan->pause_count++;
    note(p->plan, "pause");
    return p->plan->pause != NULL ? p->plan->pause(p) : 0;
}

static int resume_writing(void *self)
{
    probe *p = self;
    p->plan->resume_count++;
    note(p->plan, "resume");
    return p->plan->resume != NULL ? p->plan->resume(p) : 0;
}

static int drain(void *self)
{
    probe *p = self;
    note(p->plan, "drain");
    enter(p);
    int code = p->plan->drain != NULL ? p->plan->drain(p) : 0;
    leave(p);
    return code;
}

static void lost(void *self, int reason)
{
    probe *p = self;
    p->plan->lost_count++;
    p->plan->reason[p->index % PROBE_MAX] = reason;
    note(p->plan, "lost");
    enter(p);
    if (p->plan->lost != NULL) {
        p->plan->lost(p, reason);
    }
    leave(p);
    p->plan->of[p->index % PROBE_MAX] = NULL;
}

yodel_protocol_factory probe_factory(probe_plan *plan)
{
    static const yodel_protocol_ops ops = {
        .connection_made = made,
        .data_received = data,
        .eof_received = eof,
        .pause_writing = pause_writing,
        .resume_writing = resume_writing,
        .drain = drain,
        .connection_lost = lost,
    };
    return (yodel_protocol_factory){.ops = &ops, .size = sizeof(probe), .arg = plan};
}

yodel_protocol_factory probe_plain_factory(probe_plan *plan)
{
    static const yodel_protocol_ops ops = {
        .connection_made = made,
        .data_received = data,
        .connection_lost = lost,
    };
    return (yodel_protocol_factory){.ops = &ops, .size = sizeof(probe), .arg = plan};
}

static probe_plan *begin(fixture *f, const yodel_transport_settings *settings,
                         const probe_plan *hooks,
                         yodel_protocol_factory (*factory)(probe_plan *plan))
{
    static probe_plan plan;
    yodel_transport_settings with_probe = {0};
    plan = *hooks;
    if (settings != NULL) {
        with_probe = *settings;
    }
    with_probe.factory = factory(&plan);
    fixture_start(f, &with_probe);
    return &plan;
}

probe_plan *probe_start(fixture *f, const yodel_transport_settings *settings,
                        const probe_plan *hooks)
{
    return begin(f, settings, hooks, probe_factory);
}

probe_plan *probe_start_plain(fixture *f, const yodel_transport_settings *settings,
                              const probe_plan *hooks)
{
    return begin(f, settings, hooks, probe_plain_factory);
}

ssize_t probe_swallow(probe *p, const uint8_t *bytes, size_t len)
{
    (void)p;
    (void)bytes;
    return (ssize_t)len;
}

uint8_t *probe_pattern(size_t len)
{
    uint8_t *bytes = test_malloc(len);
    uint32_t x = 2463534242U;
    for (size_t i = 0; i < len; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        bytes[i] = (uint8_t)x;
    }
    return bytes;
}
