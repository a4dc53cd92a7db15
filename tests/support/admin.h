/*
 * The admin endpoint of a yodel-server that runs (server.h).
 */
#ifndef YODEL_TESTS_ADMIN_H
#define YODEL_TESTS_ADMIN_H

#include <stdint.h>

#include "exposition.h"
#include "server.h"

/* The port of its log line "admin on http://127.0.0.1:9007/". */
uint16_t admin_port(const server *s);

/* Its metrics, read; free with exposition_free. */
exposition *admin_metrics(uint16_t port);

/* Waits until the sum of a metric over its labels is this value. */
void admin_wait_metric(uint16_t port, const char *name, double value);

/* Where a program of this name is, along $PATH; malloc'ed; NULL: nowhere. */
char *admin_find_program(const char *name);

#endif
