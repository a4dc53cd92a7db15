/*
 * Random streams of bytes that lie where line servers make mistakes: lines around the limit, CR and
 * LF in every order, dots, empty lines, many lines at once, and any bytes at all.
 */
#ifndef YODEL_TESTS_FUZZ_BYTES_H
#define YODEL_TESTS_FUZZ_BYTES_H

#include <stddef.h>

#include "net.h"
#include "random.h"

/* Adds one, from nothing to some 100 KB. max_line: bytes without CRLF, at least 1. */
void fuzz_bytes(net_text *t, test_random *r, size_t max_line);

#endif
