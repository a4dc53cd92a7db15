#include "server/event_batch.h"

#include <stddef.h>
#include <sys/epoll.h>

/* epoll_pwait without a mask is epoll_wait under another name: a cancellation point, too, and known
 * to the sanitizers. */
int epoll_wait(int epfd, struct epoll_event *events, int maxevents, int timeout)
{
    int most = maxevents < YODEL_EVENT_BATCH ? maxevents : YODEL_EVENT_BATCH;
    return epoll_pwait(epfd, events, most, timeout, NULL);
}
