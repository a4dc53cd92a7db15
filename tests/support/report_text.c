#include "tests/support/report_text.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tools/flood/report.h"

char *report_text(const flood_sample *s, bool color)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    assert_non_null(out);
    yodel_report_write(&s->report, out, color);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(strlen(text), length);
    return text;
}

void report_has(const flood_sample *s, const char *part)
{
    char *text = report_text(s, false);

    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" is not in:\n%s", part, text);
    }
    free(text);
}

void report_has_not(const flood_sample *s, const char *part)
{
    char *text = report_text(s, false);

    if (strstr(text, part) != NULL) {
        fail_msg("\"%s\" is in:\n%s", part, text);
    }
    free(text);
}

void report_is_tidy(const char *name, const char *text)
{
    for (const char *line = strchr(text, '\n'); line[1] != '\0';) {
        const char *end = strchr(line + 1, '\n');
        assert_non_null(end);
        if (end - line - 1 > 80 || end[-1] == ' ') {
            fail_msg("%s: %.*s", name, (int)(end - line - 1), line + 1);
        }
        line = end;
    }
}

flood_sample *report_round_run(void)
{
    flood_sample *s = flood_sample_new(FLOOD_SAMPLE_LINE);
    yodel_result *r = s->results;

    s->report.command = "flood -c 1";
    s->options.connections = s->options.threads = s->options.depth = 1;
    s->options.warm_up = 1;
    s->options.server_pid = 4711;
    r->connections = 1;
    r->seconds = 10;
    r->total.sent = r->total.answered = 1100;
    r->total.counted = 1000;
    r->total.bytes_out = 1024;
    r->total.bytes_in = 2048;
    r->counted_rate = 100;
    r->client_cpu = 0.1;
    r->server_cpu = 5;
    r->server_resident_before = 1024;
    r->server_resident_peak = 3072;
    return s;
}
