#include "client/outcome.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/error.h"

__attribute__((format(printf, 2, 3))) static int say(char message[YODEL_OUTCOME_MESSAGE],
                                                     const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(message, YODEL_OUTCOME_MESSAGE, format, args);
    va_end(args);
    return 1;
}

static uint64_t unanswered(const yodel_outcome *o)
{
    return o->answers < o->lines ? o->lines - o->answers : 0;
}

/* The connection did not end in order: why. 0 when it did. Whichever thread meets a reset first is
 * told of it, the other one may see an ordinary end. */
static int broken(const yodel_outcome *o)
{
    if (o->receive_error != YODEL_EOF) {
        return o->receive_error;
    }
    return o->send_error != -EPIPE ? o->send_error : 0;
}

static int closed_status(const yodel_outcome *o, char message[YODEL_OUTCOME_MESSAGE])
{
    if (o->said_goodbye) {
        return 0;
    }
    if (o->input_ended && (o->answers == 0 || unanswered(o) == 0)) {
        return 0;
    }
    if (unanswered(o) > 0) {
        return say(message,
                   "connection closed by server: %" PRIu64 " of %" PRIu64 " lines unanswered",
                   unanswered(o), o->lines);
    }
    if (o->answers > 0 && !o->cut && !o->from_terminal) {
        return 0;
    }
    return say(message, "connection closed by server");
}

int yodel_outcome_status(const yodel_outcome *o, char message[YODEL_OUTCOME_MESSAGE])
{
    message[0] = '\0';
    if (o->output_error == -EPIPE) {
        return 1; /* like cat in `... | head`: who stopped reading knows */
    }
    if (o->output_error < 0) {
        return say(message, "cannot write to standard output: %s", yodel_strerror(o->output_error));
    }
    if (o->silent && unanswered(o) > 0) {
        return say(message, "no answer for %g s: %" PRIu64 " of %" PRIu64 " lines unanswered",
                   o->timeout, unanswered(o), o->lines);
    }
    if (broken(o) < 0 && !(o->said_goodbye && unanswered(o) == 0)) {
        return broken(o) == -ECONNRESET
                   ? say(message, "connection reset by server")
                   : say(message, "connection lost: %s", yodel_strerror(broken(o)));
    }
    if (o->input_error < 0) {
        return say(message, "cannot read standard input: %s", yodel_strerror(o->input_error));
    }
    return o->silent ? 0 : closed_status(o, message);
}
