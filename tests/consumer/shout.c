/* A line protocol of one's own: every line comes back in capitals, "bye" ends it. Prints the port
 * it listens on (argument 1; 0: a free one) and serves until SIGTERM. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <yodel/core/run.h>
#include <yodel/proto/line_protocol.h>

static int shout(yodel_line_protocol *p, const char *line, size_t len)
{
    if (len == 3 && memcmp(line, "bye", 3) == 0) {
        yodel_line_close(p);
        return 0;
    }
    char answer[512]; /* as max_line */
    for (size_t i = 0; i < len; i++)
        answer[i] = (char)toupper((unsigned char)line[i]);
    return yodel_line_write_line(p, answer, len) < 0 ? -1 : 1;
}

int main(int argc, char **argv)
{
    static const yodel_line_ops ops = {.line_received = shout};
    static const yodel_line_config lines = {.ops = &ops, .max_line = 512};
    const char *host = "127.0.0.1";
    yodel_server_config config;
    yodel_server *server;

    yodel_server_config_init(&config);
    config.hosts = &host;
    config.host_count = 1;
    config.port = argc > 1 ? argv[1] : "8007";
    config.factory = yodel_line_factory(&lines);
    if (yodel_server_new(&config, &server) < 0)
        return 1;
    printf("%d\n", yodel_address_port(yodel_server_addresses(server, &(size_t){0})));
    fflush(stdout);
    int result = yodel_server_run(server, &(yodel_run_config){.grace = 1.0});
    yodel_server_free(server);
    return result < 0;
}
