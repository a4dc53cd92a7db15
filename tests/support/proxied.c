#include "tests/support/proxied.h"

#include "proto/proxy_protocol.h"
#include "proto/registry.h"

#include "tests/support/cmocka_all.h"

enum { IDLE_SECONDS = 30, MAX_LINE = 100, PORT = 1234 };

void proxied_start(fixture *f, yodel_transport_settings settings, const char *from)
{
    static yodel_proxy_config proxy;
    static yodel_cidr trusted[2];
    assert_int_equal(yodel_cidr_parse("10.0.0.0/8", &trusted[0]), 0);
    assert_int_equal(yodel_cidr_parse(from, &trusted[1]), 0);
    proxy = (yodel_proxy_config){
        .factory = settings.factory, .trusted = trusted, .trusted_count = 2, .log = &f->log.log};
    settings.factory = yodel_proxy_factory(&proxy);
    settings.idle_timeout = IDLE_SECONDS;
    fixture_start(f, &settings);
}

void proxied_start_named(fixture *f, const char *protocol, yodel_client_limit *clients,
                         const char *client_message)
{
    static yodel_protocol_options options;
    yodel_transport_settings settings = {.clients = clients, .client_message = client_message};
    options = (yodel_protocol_options){.max_line = MAX_LINE, .idle_timeout = IDLE_SECONDS};
    assert_int_equal(yodel_protocol_factory_for(protocol, &options, &settings.factory), 0);
    proxied_start(f, settings, "127.0.0.1");
}

probe_plan *proxied_start_probe(fixture *f, const probe_plan *hooks, const char *from)
{
    static probe_plan plan;
    plan = *hooks;
    proxied_start(f, (yodel_transport_settings){.factory = probe_factory(&plan)}, from);
    return &plan;
}

void proxied_feed_header(fixture *f, int client, const char *address)
{
    net_text t = {0};
    proxy_v1(&t, address, PORT);
    fixture_feed(f, client, t.data, t.len);
    net_text_free(&t);
}
