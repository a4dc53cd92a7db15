/*
 * std_fds: making sure that file descriptors 0, 1 and 2 are what programs take them for.
 */
#ifndef YODEL_CORE_STD_FDS_H
#define YODEL_CORE_STD_FDS_H

/* A program may be started with a standard descriptor closed; then its first socket would become
 * that, and what is meant for the user would go to a peer. Opens /dev/null, for reading, on each
 * that is closed: a closed stdin is an empty one, and writing to a closed stdout or stderr still
 * fails. For programs, before they open anything. 0, or a negative errno. */
int yodel_std_fds_open(void);

#endif
