/*
 * Error codes: one int that can say everything that goes wrong here.
 *
 * A function that can fail returns 0 (or a useful positive number) or a negative code. The code is
 * one of three things, in ranges that never meet:
 *
 *     -1 .. -4095           a negated errno, as the kernel itself returns them (-ENOMEM)
 *     -4097 .. -4159        an end of a connection that errno has no word for (YODEL_E...)
 *     -8193 and below       the resolver's own codes, YODEL_EAI(EAI_NONAME)
 *
 * So a caller compares, passes on, counts and prints codes without knowing which layer they came
 * from.
 */
#ifndef YODEL_CORE_ERROR_H
#define YODEL_CORE_ERROR_H

enum {
    /* The peer closed its direction; where a rest without delimiter is left, it stays readable.
     * asyncio: eof_received, IncompleteReadError. */
    YODEL_EOF = -4097,

    /* More bytes than the limit came without a delimiter. asyncio: LimitOverrunError. */
    YODEL_ELINETOOLONG = -4098,

    /* A buffer would grow above its hard cap: the reader is too slow for what is written to it. */
    YODEL_EOVERRUN = -4099,

    /* No complete line for the idle timeout. */
    YODEL_EIDLE = -4100,

    /* Output is waiting and the peer took none of it for the write timeout. */
    YODEL_ESTALLED = -4101,

    /* The connection ended in order because the server is going down. */
    YODEL_EDRAIN = -4102,

    /* The connection was still busy when the time for going down (grace) was over. */
    YODEL_EDRAINABORT = -4103,

    /* A callback of the protocol returned a failure of its own. */
    YODEL_EHANDLER = -4104,

    /* The server holds as many connections as it may. */
    YODEL_EFULL = -4105,

    /* The buffers of all connections together took more memory than they may, and this one's was
     * among the largest (memory_budget.h). */
    YODEL_EMEMORY = -4106,

    /* The client has as many connections as one address may have (client_limit.h). */
    YODEL_ETOOMANY = -4107,

    /* The client connects more often than one address may (client_limit.h). */
    YODEL_ETOOOFTEN = -4108,

    /* The peer is not one of those who may say whose connection it is (proxy_protocol.h). */
    YODEL_EUNTRUSTED = -4109,

    /* What the connection begins with is no PROXY header, or there is none in time. */
    YODEL_EPROXYHEADER = -4110,
};

/*
 * The code for a result of getaddrinfo(3), e.g. YODEL_EAI(EAI_NONAME). glibc's and musl's EAI_
 * values are small negative numbers. EAI_SYSTEM means "look at errno" and is never wrapped:
 * whoever meets it returns -errno.
 */
#define YODEL_EAI(gai_code) (-8192 + (gai_code))

/*
 * Text for people, without the code's number and without a final dot: "Connection refused",
 * "line too long". `code` is any code of the three ranges; 0 is "no error", anything else
 * "unknown error". Never NULL; the string is static, do not free it. Any thread may call it
 * (strerror(3) would not be safe: it may write to a shared buffer).
 */
const char *yodel_strerror(int code);

#endif
