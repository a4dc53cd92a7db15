#include "proto/registry.h"

#include "proto/chat.h"
#include "proto/dump.h"
#include "proto/raw.h"
#include "proto/stream_echo.h"

#include <errno.h>
#include <string.h>

static yodel_protocol_factory make_chat(yodel_protocol_options *options)
{
    options->line = (yodel_line_config){.ops = &yodel_chat_ops, .max_line = options->max_line};
    return yodel_line_factory(&options->line);
}

static yodel_protocol_factory make_raw(yodel_protocol_options *options)
{
    (void)options;
    return (yodel_protocol_factory){.ops = &yodel_raw_ops, .size = yodel_raw_size};
}

static yodel_protocol_factory make_dump(yodel_protocol_options *options)
{
    return (yodel_protocol_factory){
        .ops = &yodel_dump_ops, .size = sizeof(FILE *), .arg = options->dump};
}

static yodel_protocol_factory make_stream(yodel_protocol_options *options)
{
    options->echo = (yodel_stream_echo_options){
        .idle_timeout = options->idle_timeout,
        .max_line = options->max_line,
    };
    options->stream = (yodel_stream_config){
        .handler = yodel_stream_echo,
        .arg = &options->echo,
        .limit = options->max_line,
    };
    return yodel_stream_factory(&options->stream);
}

static const yodel_protocol_entry entries[] = {
    {"chat", "line L comes back as 'You sent: L', the line '.' closes"},
    {"stream", "every line comes back, '.' closes; served by a straight-line handler"},
    {"raw", "every byte comes back (RFC 862)"},
    {"dump", "answers nothing, prints each received chunk on stdout"},
};

/* In the order of entries. */
static yodel_protocol_factory (*const makers[])(yodel_protocol_options *) = {
    make_chat,
    make_stream,
    make_raw,
    make_dump,
};

_Static_assert(sizeof(entries) / sizeof(entries[0]) == sizeof(makers) / sizeof(makers[0]),
               "an entry without a maker");

const yodel_protocol_entry *yodel_protocol_entries(size_t *count)
{
    *count = sizeof(entries) / sizeof(entries[0]);
    return entries;
}

int yodel_protocol_factory_for(const char *name, yodel_protocol_options *options,
                               yodel_protocol_factory *out)
{
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        if (strcmp(name, entries[i].name) == 0) {
            *out = makers[i](options);
            return 0;
        }
    }
    return -ENOENT;
}
