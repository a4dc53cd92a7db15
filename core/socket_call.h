/*
 * socket_call: recv, send and sendmsg as a loop needs them: of sockets that do not block.
 *
 * The C library's are cancellation points: in a process with threads each call first says that its
 * thread may be cancelled and then takes that back. Nobody cancels a thread of ours, and answering
 * a short line is two such calls. So these go straight to the kernel where we know the way, in one
 * function: what is returned through after a system call is mispredicted, each return anew. What is
 * preloaded to replace the C library's functions does not see them there.
 *
 * They return the bytes received or sent, or a negated errno (-EAGAIN, -EINTR, ...); errno itself
 * means nothing afterwards. Sending raises no SIGPIPE. Any thread.
 */
#ifndef YODEL_CORE_SOCKET_CALL_H
#define YODEL_CORE_SOCKET_CALL_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

ssize_t yodel_recv(int fd, void *data, size_t len);
ssize_t yodel_send(int fd, const void *data, size_t len);
ssize_t yodel_sendmsg(int fd, const struct msghdr *message);

#endif
