#include "tests/support/admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/http.h"

uint16_t admin_port(const server *s)
{
    const char *line = program_wait_line(s->program, PROGRAM_STDERR, "admin on http://");
    const char *colon = strrchr(line, ':');
    unsigned long port = strtoul(colon + 1, NULL, 10);
    if (port < 1 || port > 65535) {
        fail_msg("no port in \"%s\"", line);
    }
    return (uint16_t)port;
}

exposition *admin_metrics(uint16_t port)
{
    http_answer answer = http_get(port, "/metrics");
    assert_int_equal(answer.status, 200);
    exposition *e = exposition_read(answer.body);
    http_free(&answer);
    return e;
}

void admin_wait_metric(uint16_t port, const char *name, double value)
{
    double deadline = program_now() + PROGRAM_TIMEOUT;
    for (;;) {
        exposition *e = admin_metrics(port);
        double got = exposition_sum(e, name);
        exposition_free(e);
        if (got == value) {
            return;
        }
        if (program_now() > deadline) {
            fail_msg("%s is %g, not %g", name, got, value);
        }
        program_pause_ms(5);
    }
}

char *admin_find_program(const char *name)
{
    const char *path = getenv("PATH");
    char *copy = strdup(path != NULL ? path : "/usr/bin:/bin");
    char *rest = copy;
    char *found = NULL;
    for (const char *dir; found == NULL && (dir = strsep(&rest, ":")) != NULL;) {
        assert_true(asprintf(&found, "%s/%s", dir, name) > 0);
        if (access(found, X_OK) != 0) {
            free(found);
            found = NULL;
        }
    }
    free(copy);
    return found;
}
