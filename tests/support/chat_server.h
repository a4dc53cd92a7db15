/*
 * A yodel_server of the chat protocol inside the test's process, on 127.0.0.1 and a free port.
 */
#ifndef YODEL_TESTS_CHAT_SERVER_H
#define YODEL_TESTS_CHAT_SERVER_H

#include "core/server.h"

/* Made, with its loops measured, and not started. The test fails when that fails. */
yodel_server *chat_server_new(unsigned threads);

uint16_t chat_server_port(const yodel_server *server);

/* A new client that has sent so many lines and got their answers. */
int chat_server_talk(const yodel_server *server, unsigned lines);

/* Drains it, waits and frees it. */
void chat_server_end(yodel_server *server);

#endif
