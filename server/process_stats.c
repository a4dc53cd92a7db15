#include "server/process_stats.h"

#include "core/clock.h"
#include "core/fd_limit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A small file of /proc as a string; empty when it cannot be read. */
static void read_file(const char *path, char *text, size_t size)
{
    ssize_t n = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        n = read(fd, text, size - 1);
        close(fd);
    }
    text[n > 0 ? n : 0] = '\0';
}

static uint64_t count_fds(void)
{
    struct stat info;
    if (stat("/proc/self/fd", &info) == 0 && info.st_size > 0) {
        return (uint64_t)info.st_size; /* since Linux 6.2 */
    }
    DIR *dir = opendir("/proc/self/fd");
    uint64_t count = 0;
    if (dir == NULL) {
        return 0;
    }
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        count += entry->d_name[0] != '.';
    }
    closedir(dir);
    return count - 1; /* the directory itself was open, too */
}

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / (double)YODEL_NS_PER_SEC;
}

/* The number that is the n-th word of a line, counted from 0; 0 when there are fewer. */
static uint64_t number_at(const char *line, unsigned n)
{
    for (; n > 0; n--) {
        line += strcspn(line, " ");
        line += strspn(line, " ");
    }
    return strtoull(line, NULL, 10);
}

/* proc(5): the 22nd word of /proc/self/stat. The second is the program's name in parentheses, with
 * anything in it. */
static double start_time(void)
{
    char text[1024];
    read_file("/proc/self/stat", text, sizeof(text));
    const char *name_end = strrchr(text, ')');
    uint64_t ticks = name_end != NULL ? number_at(name_end, 20) : 0;
    if (ticks == 0) {
        return 0;
    }
    double since_boot = (double)ticks / (double)sysconf(_SC_CLK_TCK);
    return seconds_of(CLOCK_REALTIME) - seconds_of(CLOCK_BOOTTIME) + since_boot;
}

void yodel_process_stats_get(yodel_process_stats *stats)
{
    char text[256];
    uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
    read_file("/proc/self/statm", text, sizeof(text));
    *stats = (yodel_process_stats){
        .cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID),
        .started = start_time(),
        .open_fds = count_fds(),
        .max_fds = yodel_fd_limit(),
        .resident_bytes = number_at(text, 1) * page_size,
        .virtual_bytes = number_at(text, 0) * page_size,
    };
}
