#include "core/socket_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Does somebody listen there? 0: nobody does, -EADDRINUSE, or another reason to leave it alone. */
static int ask(const yodel_address *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error = 0;

    if (fd < 0) {
        return -errno;
    }
    if (connect(fd, (const struct sockaddr *)&address->storage, address->len) != 0) {
        error = errno;
    }
    close(fd);
    switch (error) {
    case ECONNREFUSED:
    case ENOENT: /* it has just gone */
        return 0;
    case 0:
    case EAGAIN:     /* its queue is full */
    case EPROTOTYPE: /* it is of another kind */
        return -EADDRINUSE;
    default:
        return -error;
    }
}

static bool is(const yodel_socket_file *file, const struct stat *status)
{
    return S_ISSOCK(status->st_mode) && status->st_dev == file->device &&
           status->st_ino == file->inode;
}

static int remove_stale(const yodel_address *address)
{
    const char *path = yodel_address_path(address);
    struct stat status;

    if (lstat(path, &status) != 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    if (!S_ISSOCK(status.st_mode)) {
        return -EEXIST;
    }
    const yodel_socket_file stale = {true, status.st_dev, status.st_ino};
    int code = ask(address);
    /* Where it may not be removed bind(2) would say that the address is in use. */
    if (code == 0 && lstat(path, &status) == 0 && is(&stale, &status) && unlink(path) != 0 &&
        errno != ENOENT) {
        code = -errno;
    }
    return code;
}

/* By what the path meant when it was opened: it may mean something else by now, where others may
 * write to the directory. */
static int give_access(int path_fd, const struct stat *status, const yodel_socket_access *access)
{
    char name[sizeof "/proc/self/fd/" + 11];
    mode_t mode = status->st_mode & ALLPERMS;

    if ((access->user != (uid_t)-1 || access->group != (gid_t)-1) &&
        fchownat(path_fd, "", access->user, access->group, AT_EMPTY_PATH) != 0) {
        return -errno;
    }
    if (mode == access->mode) {
        return 0;
    }
    /* fchmod(2) does not take such a descriptor. */
    (void)snprintf(name, sizeof name, "/proc/self/fd/%d", path_fd);
    return chmod(name, access->mode) == 0 ? 0 : -errno;
}

/* The file has just been made. */
static int look_after(const yodel_address *address, const yodel_socket_access *access,
                      yodel_socket_file *file)
{
    struct stat status;
    int path_fd = open(yodel_address_path(address), O_PATH | O_NOFOLLOW | O_CLOEXEC);
    int code = 0;

    if (path_fd < 0) {
        return -errno;
    }
    if (fstat(path_fd, &status) != 0) {
        code = -errno;
    } else if (!S_ISSOCK(status.st_mode) || status.st_uid != geteuid()) {
        code = -EEXIST; /* somebody has put something else in its place */
    } else {
        *file = (yodel_socket_file){true, status.st_dev, status.st_ino};
        code = give_access(path_fd, &status, access);
    }
    close(path_fd);
    return code;
}

int yodel_socket_file_bind(int fd, const yodel_address *address, const yodel_socket_access *access,
                           yodel_socket_file *file)
{
    static const yodel_socket_access usual = {YODEL_SOCKET_MODE, (uid_t)-1, (gid_t)-1};
    yodel_socket_file made = {0};
    bool has_file = yodel_address_path(address) != NULL;
    int code = has_file ? remove_stale(address) : 0;

    access = access != NULL ? access : &usual;
    /* The file gets the socket's mode less the umask. The umask itself is the whole process's. */
    if (code == 0 && has_file && fchmod(fd, access->mode) != 0) {
        code = -errno;
    }
    if (code == 0 && bind(fd, (const struct sockaddr *)&address->storage, address->len) != 0) {
        code = -errno;
    }
    if (code == 0 && has_file) {
        code = look_after(address, access, &made);
    }
    if (code == 0) {
        *file = made;
    } else {
        yodel_socket_file_remove(&made, address);
    }
    return code;
}

void yodel_socket_file_remove(yodel_socket_file *file, const yodel_address *address)
{
    const char *path = yodel_address_path(address);
    struct stat status;

    if (file->ours && path != NULL && lstat(path, &status) == 0 && is(file, &status)) {
        (void)unlink(path);
    }
    *file = (yodel_socket_file){0};
}
