/*
 * run: a server's life in a program that has nothing else to do: serve until told to stop.
 */
#ifndef YODEL_CORE_RUN_H
#define YODEL_CORE_RUN_H

#include "server.h"

/* Starts the server and serves until SIGTERM or SIGINT, then drains it, with grace seconds
 * for what is busy (asyncio: serve_forever, and what every program adds to it). Blocks those
 * signals for the process; call it in the main thread while no other thread runs.
 * 0: drained. -EINTR: a second signal came while draining: the threads still run, so leave with
 * _exit, not exit. Any other negative code: it did not start, the log says why,
 * and nothing runs. */
int yodel_server_run(yodel_server *server, double grace);

#endif
