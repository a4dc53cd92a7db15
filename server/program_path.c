#include "server/program_path.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* execvp's, where PATH is not set. */
#define DEFAULT_PATH "/bin:/usr/bin"

int yodel_program_path_remember(const char *argv0, char **name)
{
    char *path = NULL;
    if (argv0[0] == '/' || strchr(argv0, '/') == NULL) {
        path = strdup(argv0);
    } else {
        char *here = getcwd(NULL, 0);
        if (here == NULL) {
            return -errno;
        }
        if (asprintf(&path, "%s/%s", here, argv0) < 0) {
            path = NULL;
        }
        free(here);
    }
    if (path == NULL) {
        return -ENOMEM;
    }
    *name = path;
    return 0;
}

static bool is_program(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

/* "dir/name" for each directory of PATH; an empty one is the working directory (POSIX). */
static int search(const char *name, char path[PATH_MAX])
{
    const char *dirs = getenv("PATH");
    const char *at = dirs != NULL ? dirs : DEFAULT_PATH;
    for (;;) {
        size_t len = strcspn(at, ":");
        int n = snprintf(path, PATH_MAX, "%.*s%s%s", (int)len, at, len > 0 ? "/" : "./", name);
        if (n > 0 && n < PATH_MAX && is_program(path)) {
            return 0;
        }
        if (at[len] == '\0') {
            return -ENOENT;
        }
        at += len + 1;
    }
}

int yodel_program_path_find(const char *name, char path[PATH_MAX])
{
    if (strchr(name, '/') == NULL) {
        return search(name, path);
    }
    if (strlen(name) >= PATH_MAX) {
        return -ENAMETOOLONG;
    }
    strcpy(path, name);
    return 0;
}
