/*
 * program_path: where the program is that a process was started as, for starting it again.
 *
 * What is started again is what stands there by then, not what runs: a package that was installed
 * over it, or another version to which a symbolic link points now. So links are never resolved, and
 * PATH is searched anew each time.
 */
#ifndef YODEL_SERVER_PROGRAM_PATH_H
#define YODEL_SERVER_PROGRAM_PATH_H

#include <limits.h>

/* Remembers argv0, which with a slash in it is a path (made absolute, since the working directory
 * may change), without one a name to look for in PATH. *name is from malloc. 0, or a negative errno
 * (-ENOENT: the working directory is gone). */
int yodel_program_path_remember(const char *argv0, char **name);

/* The path of such a name now. 0; -ENOENT: no executable file of that name in PATH; -ENAMETOOLONG.
 */
int yodel_program_path_find(const char *name, char path[PATH_MAX]);

#endif
