/*
 * bench-echo: one and the same echo, every line as it came, in the two ways that yodel has.
 *
 *     bench-echo callback|stream
 *
 * One worker, 127.0.0.1, a free port, which is printed.
 */
#include "core/run.h"
#include "proto/line_protocol.h"
#include "proto/stream.h"
#include "proto/stream_echo.h"

#include <err.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int line_received(yodel_line_protocol *p, const char *line, size_t len)
{
    int code = yodel_line_write_line(p, line, len);
    return code < 0 ? code : 1;
}

int main(int argc, char *argv[])
{
    static const yodel_line_ops ops = {.line_received = line_received};
    static const yodel_line_config lines = {.ops = &ops, .max_line = 65536};
    static yodel_stream_echo_options echo = {.idle_timeout = 30, .max_line = 65536};
    static const yodel_stream_config stream = {
        .handler = yodel_stream_echo, .arg = &echo, .limit = 65536};

    if (argc != 2 || (strcmp(argv[1], "callback") != 0 && strcmp(argv[1], "stream") != 0)) {
        errx(2, "usage: bench-echo callback|stream");
    }
    const char *host = "127.0.0.1";
    yodel_server_config config;
    yodel_server *server;
    yodel_server_config_init(&config);
    config.hosts = &host;
    config.host_count = 1;
    config.port = "0";
    config.threads = 1;
    config.factory =
        strcmp(argv[1], "stream") == 0 ? yodel_stream_factory(&stream) : yodel_line_factory(&lines);
    if (yodel_server_new(&config, &server) < 0) {
        errx(1, "cannot start");
    }
    size_t count;
    printf("%u\n", yodel_address_port(yodel_server_addresses(server, &count)));
    (void)fflush(stdout);
    int code = yodel_server_run(server, &(yodel_run_config){.grace = 0.1});
    if (code < 0) {
        _exit(1);
    }
    yodel_server_free(server);
    return 0;
}
