/*
 * fd_limit: how many file descriptors this process may have open.
 */
#ifndef YODEL_CORE_FD_LIMIT_H
#define YODEL_CORE_FD_LIMIT_H

#include <stddef.h>

/* Raises the soft limit (RLIMIT_NOFILE) to the hard one, for the whole process, and returns the
 * limit that holds then. For programs, before they start threads: a library does not change limits
 * on its own. */
size_t yodel_fd_limit_raise(void);

/* The limit that holds now. Any thread. */
size_t yodel_fd_limit(void);

#endif
