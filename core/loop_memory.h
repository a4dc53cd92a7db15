/*
 * loop_memory: memory for libev, which aborts the process when it gets none.
 *
 * libev's arrays grow while it runs, also in places where no connection could be blamed. So it is
 * never told no: its memory comes from realloc as always, but when that fails from a reserve. The
 * reserve is address space that nobody has touched (it takes no memory until it is used), enough
 * for what all loops' arrays can grow to with as many file descriptors as it covers. What may fail
 * is covering a higher descriptor, and that is asked for where failing ends one connection: before
 * anything is watched on it. As long as there is memory it costs a comparison per connection.
 *
 * libev knows one allocator per process, set here when the first loop is made: a program that uses
 * libev by itself as well must not set one of its own later that cannot free what realloc gave.
 */
#ifndef YODEL_CORE_LOOP_MEMORY_H
#define YODEL_CORE_LOOP_MEMORY_H

/* Before a loop is made: covers one more, or -ENOMEM. Any thread, as all functions here. */
int yodel_loop_memory_begin(void);

/* After a loop was freed; with the last one the reserve goes. */
void yodel_loop_memory_end(void);

/* Before something is watched on a descriptor: 0, or -ENOMEM when it cannot be covered. */
int yodel_loop_memory_cover(int fd);

#endif
