#include "tests/support/chat_server.h"

#include "proto/chat.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/net.h"

static const char *const host = "127.0.0.1";
static const yodel_line_config chat = {.ops = &yodel_chat_ops, .max_line = 100};

yodel_server *chat_server_new(unsigned threads)
{
    yodel_server_config config;
    yodel_server *server;
    yodel_server_config_init(&config);
    config.hosts = &host;
    config.host_count = 1;
    config.port = "0";
    config.threads = threads;
    config.factory = yodel_line_factory(&chat);
    config.max_connections = 1000;
    config.measure = true;
    assert_int_equal(yodel_server_new(&config, &server), 0);
    return server;
}

uint16_t chat_server_port(const yodel_server *server)
{
    size_t count;
    return yodel_address_port(yodel_server_addresses(server, &count));
}

int chat_server_talk(const yodel_server *server, unsigned lines)
{
    int client = net_connect(chat_server_port(server));
    for (unsigned i = 0; i < lines; i++) {
        net_send_text(client, "hello\r\n");
        net_expect_text(client, "You sent: hello\r\n");
    }
    return client;
}

void chat_server_end(yodel_server *server)
{
    yodel_server_drain(server, 10);
    yodel_server_wait(server);
    yodel_server_free(server);
}
