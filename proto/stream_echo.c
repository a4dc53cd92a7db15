#include "proto/stream_echo.h"

#include "core/error.h"

#include <stdio.h>

static void say_too_long(yodel_stream *s, uint32_t max_line)
{
    char text[64];
    int len = snprintf(text, sizeof(text), "Error: line longer than %u bytes\r\n", max_line);
    (void)yodel_stream_write(s, text, (size_t)len);
}

void yodel_stream_echo(yodel_stream *s, void *arg)
{
    const yodel_stream_echo_options *options = arg;
    yodel_counters *counters = yodel_transport_counters(yodel_stream_transport(s));
    yodel_span line;
    int code;
    while ((code = yodel_stream_read_until(s, "\r\n", 2, options->idle_timeout, &line)) == 0) {
        if (yodel_span_equals(line, ".")) {
            return;
        }
        (void)yodel_stream_write(s, line.data, line.len);
        (void)yodel_stream_write(s, "\r\n", 2);
        yodel_count(counters, YODEL_COUNT_LINES_OUT, 1);
        /* However long: who takes nothing at all is ended by the server's write timeout, who reads
         * slowly is not. */
        if (yodel_stream_drain(s, 0) < 0) {
            return;
        }
    }
    if (code == YODEL_ELINETOOLONG) {
        say_too_long(s, options->max_line);
    } else if (code == YODEL_EOF && !yodel_stream_at_eof(s)) {
        yodel_count(counters, YODEL_COUNT_PARTIAL, 1);
    }
}
