#include "core/fd_limit.h"

#include <sys/resource.h>

size_t yodel_fd_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return 1024; /* what POSIX systems have always given; getrlimit cannot really fail here */
    }
    return limit.rlim_cur;
}

size_t yodel_fd_limit_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    return yodel_fd_limit();
}
