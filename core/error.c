#include "core/error.h"

#include <netdb.h>
#include <string.h>

enum { LARGEST_ERRNO = 4095 }; /* the kernel's MAX_ERRNO */

static const char *own_text(int code)
{
    switch (code) {
    case YODEL_EOF:
        return "end of stream";
    case YODEL_ELINETOOLONG:
        return "line too long";
    case YODEL_EOVERRUN:
        return "write buffer overrun";
    case YODEL_EIDLE:
        return "idle for too long";
    case YODEL_ESTALLED:
        return "peer does not read";
    case YODEL_EDRAIN:
        return "server is going down";
    case YODEL_EDRAINABORT:
        return "still busy when the server went down";
    case YODEL_EHANDLER:
        return "protocol handler failed";
    case YODEL_EFULL:
        return "server is full";
    case YODEL_EMEMORY:
        return "too much memory for connections' buffers";
    case YODEL_ETOOMANY:
        return "too many connections from this address";
    case YODEL_ETOOOFTEN:
        return "too frequent connections from this address";
    case YODEL_EUNTRUSTED:
        return "not a trusted proxy";
    case YODEL_EPROXYHEADER:
        return "no valid PROXY header";
    default:
        return NULL;
    }
}

const char *yodel_strerror(int code)
{
    const char *text = NULL;

    if (code == 0) {
        return "no error";
    }
    if (code < 0 && code >= -LARGEST_ERRNO) {
        text = strerrordesc_np(-code);
    } else if (code < YODEL_EAI(0)) {
        text = gai_strerror(code - YODEL_EAI(0));
    } else {
        text = own_text(code);
    }
    return text != NULL ? text : "unknown error";
}
