/* Somebody in a hurry, for LD_PRELOAD: asks for an upgrade (SIGUSR2) as soon as the server binds.
 */
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int bind(int fd, const struct sockaddr *address, socklen_t len)
{
    (void)kill(getpid(), SIGUSR2);
    return (int)syscall(SYS_bind, fd, address, len);
}
