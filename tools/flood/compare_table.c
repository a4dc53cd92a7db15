#include "tools/flood/compare_table.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/flood/mann_whitney.h"
#include "tools/flood/value.h"

/* A difference that chance brings about less often than this is shown as one. */
static const double alpha = 0.05;

/* One file's values of one metric, in ascending order. */
typedef struct sample {
    const yodel_compare_file *file;
    size_t runs; /* those that count: the valid ones, or all when there is none */
    double *values;
    size_t count; /* at most runs */
} sample;

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return (a > b) - (a < b);
}

static void collect(sample *s, const char *metric)
{
    s->count = 0;
    for (size_t i = 0; i < s->file->count; i++) {
        yodel_compare_run run = yodel_compare_file_run(s->file, i);
        const json_t *value = json_object_get(run.metrics, metric);

        if ((run.valid || s->file->valid == 0) && json_is_number(value)) {
            s->values[s->count++] = json_number_value(value);
        }
    }
    qsort(s->values, s->count, sizeof *s->values, by_value);
}

static double median(const sample *s)
{
    double low = s->values[(s->count - 1) / 2];
    double high = s->values[s->count / 2];

    return low / 2 + high / 2; /* their sum might be too large for a double */
}

static bool all_zero(const sample *s)
{
    return s->values[0] >= 0 && s->values[s->count - 1] <= 0;
}

static const char *word(const yodel_metric *metric, bool more)
{
    return more == (metric->better == YODEL_BETTER_MORE) ? "better" : "worse";
}

/* Writes the way from a to b and what it means. */
static void print_delta(FILE *out, const yodel_metric *metric, double a, double b, bool verdicts)
{
    double percent = (b - a) / fabs(a) * 100;
    const char *meaning = word(metric, b > a);
    char text[32];

    if (!(fabs(percent) >= 0.05)) { /* also when both are 0, which makes it NAN */
        snprintf(text, sizeof text, "0.0%%");
        meaning = "same";
    } else if (a >= 0 && a <= 0) {
        snprintf(text, sizeof text, "from 0");
    } else if (fabs(percent) >= 1e6) {
        snprintf(text, sizeof text, "%s999999%%", percent > 0 ? ">+" : "<-");
    } else {
        snprintf(text, sizeof text, "%+.1f%%", percent);
    }
    fprintf(out, "  %10s %-*s", text, verdicts ? (int)strlen("better") : 0, meaning);
}

static int print_verdict(FILE *out, const yodel_metric *metric, const sample *a, const sample *b)
{
    yodel_mann_whitney test;
    const char *verdict;
    int error = yodel_mann_whitney_test(a->values, a->count, b->values, b->count, &test);

    if (error < 0) {
        return error;
    }
    if (test.p < alpha) {
        verdict = word(metric, test.superior > 0.5);
    } else if (yodel_mann_whitney_least(a->count, b->count) < alpha) {
        verdict = "no difference shown";
    } else {
        verdict = "too few runs";
    }
    if (test.p < 0.001) {
        fprintf(out, "  <0.001  %s", verdict);
    } else {
        fprintf(out, "  %6.3f  %s", test.p, verdict);
    }
    return 0;
}

/* Errors in less than half of the runs leave the median at 0, and must not hide behind it. */
static void print_hidden(FILE *out, const char *side, const yodel_metric *metric, const sample *s)
{
    double most = s->values[s->count - 1];
    char text[YODEL_VALUE_TEXT];

    if (metric->better == YODEL_BETTER_LESS && median(s) <= 0 && most > 0) {
        fprintf(out, "; %s up to %s", side, yodel_value_text(metric->unit, most, text));
    }
}

/* True when the metric belongs into the table. */
static bool wanted(const yodel_metric *metric, const sample *a, const sample *b)
{
    return a->count > 0 && b->count > 0 &&
           !(metric->better == YODEL_BETTER_LESS && all_zero(a) && all_zero(b));
}

static int name_width(void)
{
    size_t count;
    const yodel_metric *metrics = yodel_metrics(&count);
    size_t width = strlen("metric");

    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(metrics[i].name);

        width = len > width ? len : width;
    }
    return (int)width;
}

/* Returns how many rows there are, or -ENOMEM. */
static int print_rows(FILE *out, sample *a, sample *b, bool verdicts)
{
    size_t count;
    const yodel_metric *metrics = yodel_metrics(&count);
    int width = name_width();
    int rows = 0;

    for (size_t i = 0; i < count; i++) {
        const yodel_metric *metric = &metrics[i];
        char text_a[YODEL_VALUE_TEXT];
        char text_b[YODEL_VALUE_TEXT];
        int error = 0;

        collect(a, metric->name);
        collect(b, metric->name);
        if (!wanted(metric, a, b)) {
            continue;
        }
        if (rows++ == 0) {
            fprintf(out, "\n%-*s  %10s  %10s  %10s%s\n", width, "metric", "A", "B", "delta",
                    verdicts ? "              p  verdict" : "");
        }
        fprintf(out, "%-*s  %10s  %10s", width, metric->name,
                yodel_value_text(metric->unit, median(a), text_a),
                yodel_value_text(metric->unit, median(b), text_b));
        print_delta(out, metric, median(a), median(b), verdicts);
        if (verdicts) {
            error = print_verdict(out, metric, a, b);
        }
        print_hidden(out, "A", metric, a);
        print_hidden(out, "B", metric, b);
        fputs("\n", out);
        if (error < 0) {
            return error;
        }
    }
    return rows;
}

/* How many runs on either side it takes to show any difference at all. */
static size_t runs_needed(void)
{
    size_t n = 1;

    while (yodel_mann_whitney_least(n, n) >= alpha) {
        n++;
    }
    return n;
}

/* What the table proves. */
static void print_proof(FILE *out, const sample *a, const sample *b)
{
    double least = yodel_mann_whitney_least(a->runs, b->runs);

    fputs("\n", out);
    if (a->file->valid == 0 || b->file->valid == 0) {
        fputs("INVALID runs prove nothing: see what makes them so, and repeat them.\n", out);
    } else if (a->runs == 1 || b->runs == 1) {
        fputs("A single run proves nothing, the next one may say the opposite: use -x 5.\n", out);
    } else if (least >= alpha) {
        fprintf(
            out,
            "%zu and %zu runs cannot show a difference: even when the files have nothing in common "
            "p is %.3g,\nand it takes less than %g: use -x %zu or more for both.\n",
            a->runs, b->runs, least, alpha, runs_needed());
    } else {
        fprintf(
            out,
            "Medians of %zu and %zu runs. p is that of a two-sided Mann-Whitney U test, a "
            "difference is shown\nbelow %g: by chance alone, one metric in twenty gets there.\n",
            a->runs, b->runs, alpha);
    }
}

int yodel_compare_table(const yodel_compare_file *a, const yodel_compare_file *b, FILE *out)
{
    sample left = {.file = a, .runs = a->valid > 0 ? a->valid : a->count};
    sample right = {.file = b, .runs = b->valid > 0 ? b->valid : b->count};
    bool verdicts = a->valid > 1 && b->valid > 1;
    int rows = -ENOMEM;

    left.values = calloc(left.runs, sizeof *left.values);
    right.values = calloc(right.runs, sizeof *right.values);
    if (left.values != NULL && right.values != NULL) {
        rows = print_rows(out, &left, &right, verdicts);
    }
    if (rows == 0) {
        fputs("\nThe two have no metric in common.\n", out);
    } else if (rows > 0) {
        print_proof(out, &left, &right);
    }
    free(left.values);
    free(right.values);
    return rows < 0 ? rows : 0;
}
