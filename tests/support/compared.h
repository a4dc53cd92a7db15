/*
 * Reports as --json writes them, made of pieces, and what `flood compare` prints about two of them.
 */
#ifndef YODEL_TESTS_COMPARED_H
#define YODEL_TESTS_COMPARED_H

#include <stddef.h>

/* A run that is valid, with these metrics: "\"rate\":1000,\"p99\":null". */
#define RUN(metrics)                                                                               \
    "{\"valid\":true,\"invalid\":null,\"interrupted\":false,\"metrics\":{" metrics "}}"
/* The usual configuration. */
#define CONFIGURATION "{\"connections\":50,\"rate\":null,\"expect\":\"chat\",\"duration\":10.0}"

/* A report by this flood with these runs. The caller frees it. */
char *compared_report(const char *flood, const char *configuration, const char *runs);

/* What is printed about two reports. The caller frees it. */
char *compared(const char *a, const char *b);

/* What is printed about two lists of runs of the same experiment. The caller frees it. */
char *compared_runs(const char *runs_a, const char *runs_b);

/* What is printed about two lists of runs with these values of one metric. The caller frees it. */
char *compared_values(const char *metric, const double *a, size_t a_count, const double *b,
                      size_t b_count);

/* The text has, or has not, this part. */
void assert_has(const char *text, const char *part);
void assert_has_not(const char *text, const char *part);

/* The text has a line that begins with the first word of `expected`, and it is `expected` once its
 * blanks are one each. */
void assert_row(const char *text, const char *expected);

#endif
