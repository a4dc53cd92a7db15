#include "core/std_fds.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int yodel_std_fds_open(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        /* The lowest free descriptor is this one. Not close-on-exec: it is to stay what it is. */
        if (fcntl(fd, F_GETFD) < 0 &&
            open("/dev/null", O_RDONLY) < 0) { /* NOLINT(android-cloexec-open) */
            return -errno;
        }
    }
    return 0;
}
