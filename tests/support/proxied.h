/*
 * A fixture (fixture.h) whose protocol stands behind a PROXY header. Trusted are 10.0.0.0/8 and
 * `from`; the fixture's clients come from 127.0.0.1. Idle timeout 30 s.
 */
#ifndef YODEL_TESTS_PROXIED_H
#define YODEL_TESTS_PROXIED_H

#include "fixture.h"
#include "probe.h"
#include "proxy_headers.h"

/* Any settings; their factory is that of the protocol behind the header. */
void proxied_start(fixture *f, yodel_transport_settings settings, const char *from);

/* A protocol of the registry, trusting 127.0.0.1; lines of 100 bytes. client_limit and
 * client_message go into the settings and may be NULL. */
void proxied_start_named(fixture *f, const char *protocol, yodel_client_limit *clients,
                         const char *client_message);

/* A probe; as probe_start. */
probe_plan *proxied_start_probe(fixture *f, const probe_plan *hooks, const char *from);

/* Sends a header of version 1 and lets the loop see it. */
void proxied_feed_header(fixture *f, int client, const char *address);

#endif
