#include "proto/chat.h"

static int line_received(yodel_line_protocol *p, const char *line, size_t len)
{
    static const char prefix[] = "You sent: ";
    if (len == 1 && line[0] == '.') {
        yodel_line_close(p);
        return 0;
    }
    int code = yodel_line_reply(p, prefix, sizeof(prefix) - 1, line, len);
    return code < 0 ? code : 1;
}

const yodel_line_ops yodel_chat_ops = {.line_received = line_received};
