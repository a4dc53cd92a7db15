#include "core/cgroup.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int yodel_cgroup_numbers(const char *directory, const char *name, double *numbers, int count)
{
    char path[PATH_MAX];
    char text[128] = "";
    char *at = text;
    FILE *file;
    int n = 0;

    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path) {
        return 0;
    }
    file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    if (fgets(text, sizeof text, file) != NULL) {
        for (; n < count; n++) {
            char *end;
            long long number = strtoll(at, &end, 10);

            if (end == at) {
                break;
            }
            numbers[n] = (double)number;
            at = end;
        }
    }
    fclose(file);
    return n;
}

/* The lesser limit, where 0 is none. */
static double lesser(double a, double b)
{
    if (a <= 0.0) {
        return b;
    }
    return b <= 0.0 || a < b ? a : b;
}

/* The least limit of a cgroup and of all those above it, up to the mounted root. A cgroup that is
 * not there has none: in a container the path may name one of the host's, of which only the part
 * from the container's own on can be seen. */
static double least_up_from(const char *mount, const char *hierarchy, const char *cgroup, bool v2,
                            yodel_cgroup_own_fn *own)
{
    char path[PATH_MAX];
    size_t root = strlen(mount) + strlen(hierarchy);
    double least;

    if (snprintf(path, sizeof path, "%s%s%s", mount, hierarchy, cgroup) >= (int)sizeof path) {
        return 0.0;
    }
    least = own(path, v2);
    while (strlen(path) > root) {
        *strrchr(path, '/') = '\0';
        least = lesser(least, own(path, v2));
    }
    return least;
}

/* Is `name` in a comma-separated list? */
static bool list_has(const char *list, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = list; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, len) == 0 && (at[len] == ',' || at[len] == '\0')) {
            return true;
        }
    }
    return false;
}

/* One line of the membership file: "NUMBER:CONTROLLERS:CGROUP", for v2 "0::CGROUP". */
static double limit_of_line(char *line, const char *mount, const char *controller,
                            yodel_cgroup_own_fn *own)
{
    char hierarchy[64];
    char *controllers = strchr(line, ':');
    char *cgroup = controllers != NULL ? strchr(controllers + 1, ':') : NULL;

    if (cgroup == NULL || cgroup[1] != '/') {
        return 0.0;
    }
    *controllers++ = '\0';
    *cgroup++ = '\0';
    cgroup[strcspn(cgroup, "\n")] = '\0';
    if (list_has(controllers, controller)) {
        (void)snprintf(hierarchy, sizeof hierarchy, "/%s", controller);
        return least_up_from(mount, hierarchy, cgroup, false, own);
    }
    if (controllers[0] == '\0') {
        return lesser(least_up_from(mount, "", cgroup, true, own),
                      least_up_from(mount, "/unified", cgroup, true, own));
    }
    return 0.0;
}

double yodel_cgroup_least(const char *membership, const char *mount, const char *controller,
                          yodel_cgroup_own_fn *own)
{
    FILE *file = fopen(membership, "re");
    char *line = NULL;
    size_t size = 0;
    double least = 0.0;

    if (file == NULL) {
        return 0.0;
    }
    while (getline(&line, &size, file) > 0) {
        least = lesser(least, limit_of_line(line, mount, controller, own));
    }
    free(line);
    fclose(file);
    return least;
}
