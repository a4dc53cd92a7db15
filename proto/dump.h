/*
 * dump: the articles' first server. It answers nothing and prints each chunk as it was received,
 * in Python's notation for bytes: received [b'hello\r\n'].
 *
 * Printing may block the worker until somebody reads the output: for looking at what a client
 * really sends, not for serving many.
 */
#ifndef YODEL_PROTO_DUMP_H
#define YODEL_PROTO_DUMP_H

#include "../core/protocol.h"

#include <stdio.h>

/* For yodel_protocol_factory.ops, with size sizeof(FILE *); arg is the FILE to print to, shared by
 * all workers (its lock keeps the lines whole). When printing fails the connection is dropped. */
extern const yodel_protocol_ops yodel_dump_ops;

/* Prints bytes as Python's repr(bytes) does: b'...' (b"..." if they hold ' and no "), with \t \n
 * \r \\ and \xNN. 0, or EOF with the stream's error set. Any thread; not atomic by itself. */
int yodel_dump_repr(FILE *out, const uint8_t *data, size_t len);

#endif
