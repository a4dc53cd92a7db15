/*
 * socket_file: the file that a listening socket of the unix domain has, and who may use it.
 *
 * Who may write to the file may connect, so its owner and mode are right before the socket listens:
 * nobody can connect before that. The mode does not depend on the umask. A file that a server left
 * behind which is no more is replaced; one on which somebody listens is not, and neither is
 * anything that is no socket.
 */
#ifndef YODEL_CORE_SOCKET_FILE_H
#define YODEL_CORE_SOCKET_FILE_H

#include "address.h"

#include <stdbool.h>
#include <sys/types.h>

#define YODEL_SOCKET_MODE 0660

typedef struct yodel_socket_access {
    mode_t mode;
    uid_t user;  /* (uid_t)-1: whose process this is */
    gid_t group; /* likewise */
} yodel_socket_access;

/* Which file it is, so that nobody else's is removed. Zero: none. */
typedef struct yodel_socket_file {
    bool ours;
    dev_t device;
    ino_t inode;
} yodel_socket_file;

/*
 * Binds the socket to an address of the unix domain, with a file of this access (NULL: mode 0660,
 * and whoever runs this) where it has one. *file becomes the file.
 *
 * 0; -EADDRINUSE: somebody listens there; -EEXIST: something is there that is no socket; -EACCES,
 * -ENOENT, -EROFS and the others of bind(2), or of unlink(2) for an old socket's file; -EPERM: this
 * owner is not for us to give (chown(2)), or that file is another's in a directory like /tmp. On
 * failure nothing new is left, but an old socket's file may be gone. Any thread; between two that
 * bind the same path at the same moment one may win unnoticed by the other.
 */
int yodel_socket_file_bind(int fd, const yodel_address *address, const yodel_socket_access *access,
                           yodel_socket_file *file);

/* Removes the file if it is still this one, and forgets it. No effect when it is not ours, or there
 * is none. It stays where the directory may not be written to: the next server replaces it. Any
 * thread. */
void yodel_socket_file_remove(yodel_socket_file *file, const yodel_address *address);

#endif
