/*
 * bench-framing: how fast yodel finds the ends of lines, against what cannot be beaten by more than
 * a little: one memchr for LF per line over the same bytes.
 *
 *     bench-framing [ROUNDS]      (default 301)
 *
 * 64 KiB, what a receive brings at the most, full of lines of one size (with CRLF). Both run in
 * short turns; printed are the best and the median turn in GB/s, and the ratio of the best ones:
 * what a busy machine does to a turn is only ever to make it longer.
 */
#include "proto/framing.h"
#include "core/clock.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES      ((size_t)64 * 1024)
#define ROUNDS_MAX 1001
#define TURN_NS    (YODEL_NS_PER_SEC / 2000)

static uint8_t data[BYTES];

/* Not inlined, so that neither is optimised for the caller: the number of lines in data. */

static __attribute__((noinline)) size_t by_framing(size_t len)
{
    yodel_framing framing;
    size_t lines = 0;
    size_t used = 0;
    size_t line_len;
    ssize_t n;
    yodel_framing_init(&framing, "\r\n", 2, 65536);
    while ((n = yodel_framing_next(&framing, data + used, len - used, &line_len)) > 0) {
        used += (size_t)n;
        lines++;
    }
    return lines;
}

static __attribute__((noinline)) size_t by_memchr(size_t len)
{
    const uint8_t *at = data;
    const uint8_t *end = data + len;
    const uint8_t *lf;
    size_t lines = 0;
    while ((lf = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        at = lf + 1;
        lines++;
    }
    return lines;
}

/* GB/s in one turn. */
static double speed(size_t (*count_lines)(size_t len), size_t len, size_t wanted)
{
    uint64_t begin = yodel_clock_now();
    uint64_t now;
    uint64_t bytes = 0;
    do {
        for (int i = 0; i < 8; i++) {
            if (count_lines(len) != wanted) {
                errx(1, "lines got lost");
            }
            bytes += len;
        }
        now = yodel_clock_now();
    } while (now - begin < TURN_NS);
    return (double)bytes / (double)(now - begin);
}

static int by_size(const void *a, const void *b)
{
    const double *x = a;
    const double *y = b;
    return (*x > *y) - (*x < *y);
}

static void compare(size_t line, size_t rounds)
{
    static double framing[ROUNDS_MAX];
    static double bare[ROUNDS_MAX];
    size_t lines = BYTES / line;
    size_t len = lines * line;

    memset(data, 'x', len);
    for (size_t i = 0; i < lines; i++) {
        memcpy(data + (i + 1) * line - 2, "\r\n", 2);
    }
    for (size_t i = 0; i < rounds; i++) {
        framing[i] = speed(by_framing, len, lines);
        bare[i] = speed(by_memchr, len, lines);
    }
    qsort(framing, rounds, sizeof(double), by_size);
    qsort(bare, rounds, sizeof(double), by_size);
    printf("| %zu | %.2f (%.2f) | %.2f (%.2f) | %.2f |\n", line, framing[rounds - 1],
           framing[rounds / 2], bare[rounds - 1], bare[rounds / 2],
           framing[rounds - 1] / bare[rounds - 1]);
}

int main(int argc, char *argv[])
{
    static const size_t sizes[] = {8, 64, 1024, 16384};
    size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 301;
    if (argc > 2 || rounds == 0 || rounds > ROUNDS_MAX) {
        errx(2, "usage: bench-framing [ROUNDS]");
    }
    printf("| line, bytes | framing, GB/s: best (median) | memchr for LF, GB/s | ratio |\n"
           "|---|---|---|---|\n");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        compare(sizes[i], rounds);
    }
    return 0;
}
