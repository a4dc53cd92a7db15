/*
 * resolver: names to addresses without blocking a loop, by c-ares (which reads /etc/hosts and
 * /etc/resolv.conf, and asks the name servers with its own sockets on the loop).
 *
 * For programs that may block there is yodel_address_resolve (address.h).
 */
#ifndef YODEL_CORE_RESOLVER_H
#define YODEL_CORE_RESOLVER_H

#include "address.h"
#include "loop.h"

/* One per loop. */
typedef struct yodel_resolver yodel_resolver;

/* A question under way. */
typedef struct yodel_lookup yodel_lookup;

/* The answer: code 0 and count > 0 addresses in list, which is the callee's to free; or a negative
 * code (YODEL_EAI(EAI_NONAME): no such host, ...) and NULL. The lookup is gone when it is called.
 */
typedef void yodel_resolved_fn(void *arg, int code, yodel_address *list, size_t count);

/* Makes a resolver on a loop. 0 and *out, or -ENOMEM, or -EIO: c-ares does not start. On the loop's
 * thread. */
int yodel_resolver_new(yodel_loop *loop, yodel_resolver **out);

/* Frees it; lookups that are under way are cancelled. NULL is fine. */
void yodel_resolver_free(yodel_resolver *resolver);

/* Asks for the addresses of a host (a name, or an address as text, also "unix:PATH") and sets a
 * port, decimal 1 to 65535. resolved(arg, ...) comes later on the loop, never from inside this
 * call. 0 and *out, or -ENOMEM, or -EINVAL: the port is none. (asyncio: loop.getaddrinfo) */
int yodel_resolver_lookup(yodel_resolver *resolver, const char *host, const char *port,
                          yodel_resolved_fn *resolved, void *arg, yodel_lookup **out);

/* Forgets a lookup: resolved will not be called. */
void yodel_lookup_cancel(yodel_lookup *lookup);

#endif
