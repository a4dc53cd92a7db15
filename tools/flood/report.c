#include "tools/flood/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/flood/color.h"
#include "tools/flood/report_parts.h"
#include "tools/flood/value.h"

void yodel_report_label(const yodel_report_page *page, const char *label)
{
    fprintf(page->out, "  %-*s", YODEL_REPORT_INDENT - 2, label);
}

static void put_text(const yodel_report_page *page, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        fputc(c < 0x20 || c == 0x7f ? '?' : c, page->out);
    }
}

void yodel_report_text(const yodel_report_page *page, const char *text)
{
    put_text(page, text, strlen(text));
}

void yodel_report_paragraph(const yodel_report_page *page, size_t indent, const char *text)
{
    size_t column = 0;

    text += strspn(text, " ");
    while (*text != '\0') {
        size_t length = strcspn(text, " ");
        if (column > 0 && column + 1 + length > YODEL_REPORT_WIDTH) {
            fputc('\n', page->out);
            column = 0;
        }
        if (column == 0) {
            fprintf(page->out, "%*s", (int)indent, "");
            column = indent;
        } else {
            fputc(' ', page->out);
            column++;
        }
        put_text(page, text, length);
        column += length;
        text += length;
        text += strspn(text, " ");
    }
    fputc('\n', page->out);
}

/* --- what ran ----------------------------------------------------------------------------------*/

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static void write_load(const yodel_report_page *page)
{
    const yodel_flood_options *o = page->report->options;
    char text[YODEL_VALUE_TEXT];

    yodel_report_label(page, "load");
    fprintf(page->out, "%s connection%s on %" PRIu32 " thread%s, ",
            yodel_amount_exact(o->connections, text), plural(o->connections), o->threads,
            plural(o->threads));
    if (o->idle) {
        fputs("idle, then a line each\n", page->out);
        return;
    }
    fprintf(page->out, "%" PRIu32 " line%s in flight each\n", o->depth, plural(o->depth));
    yodel_report_label(page, "");
    if (o->rate > 0) {
        fprintf(page->out, "open loop, %s lines/s asked for", yodel_amount_count(o->rate, text));
    } else {
        fputs("closed loop", page->out);
    }
    if (o->churn > 0) {
        fprintf(page->out, ", reconnecting after %s line%s",
                yodel_amount_exact((int64_t)o->churn, text), plural(o->churn));
    }
    fputc('\n', page->out);
}

static void write_lines(const yodel_report_page *page)
{
    const yodel_flood_options *o = page->report->options;

    yodel_report_label(page, "lines");
    if (o->fixed_line != NULL) {
        fprintf(page->out, "one fixed line of %" PRIu32, o->length_min);
    } else if (o->length_min == o->length_max) {
        fprintf(page->out, "%" PRIu32, o->length_min);
    } else {
        fprintf(page->out, "%" PRIu32 " to %" PRIu32, o->length_min, o->length_max);
    }
    fprintf(page->out, " byte%s, seed %" PRIu64 "\n", plural(o->length_max), o->seed);
}

static void write_what_ran(const yodel_report_page *page)
{
    fputs(yodel_color(page->color, YODEL_COLOR_BOLD), page->out);
    yodel_report_text(page, page->report->command);
    fprintf(page->out, "%s\n\n", yodel_color(page->color, YODEL_COLOR_END));
    write_load(page);
    write_lines(page);
}

/* --- the verdict -------------------------------------------------------------------------------*/

/* Returns how many were kept. */
static size_t write_slos(const yodel_report_page *page)
{
    const yodel_report *report = page->report;
    const yodel_flood_options *o = report->options;
    const yodel_result *shown = yodel_report_median_run(report);
    size_t all_kept = 0;
    int longest = 0;

    for (size_t i = 0; i < o->slo_count; i++) {
        int length = (int)strlen(o->slos[i].text);
        longest = length > longest ? length : longest;
    }
    for (size_t i = 0; i < o->slo_count; i++) {
        const yodel_slo *slo = &o->slos[i];
        char text[YODEL_VALUE_TEXT];
        double value;
        size_t kept = yodel_report_kept(report, slo);
        bool good = kept == report->count;

        (void)yodel_slo_kept(slo, shown, &value);
        yodel_report_label(page, i == 0 ? "SLO" : "");
        yodel_report_text(page, slo->text);
        fprintf(page->out, "%*s  %9s  %s%s%s", longest - (int)strlen(slo->text), "",
                yodel_value_text(slo->metric->unit, value, text),
                yodel_color(page->color, good ? YODEL_COLOR_GOOD : YODEL_COLOR_BAD),
                good ? "kept" : "FAILED", yodel_color(page->color, YODEL_COLOR_END));
        if (!good && report->count > 1) {
            fprintf(page->out, " in %zu of %zu runs", report->count - kept, report->count);
        }
        if (isnan(value)) {
            fputs(" (not measured)", page->out);
        }
        fputc('\n', page->out);
        all_kept += good;
    }
    return all_kept;
}

static void write_remark(const yodel_report_page *page, size_t run, const char *what,
                         const char *why)
{
    char text[512];

    if (why[0] == '\0') {
        return;
    }
    if (page->report->count > 1) {
        snprintf(text, sizeof text, "run %zu: %s%s", run + 1, what, why);
    } else {
        snprintf(text, sizeof text, "%s%s", what, why);
    }
    yodel_report_paragraph(page, 2, text);
}

/* One piece of the last line. */
static void write_word(const yodel_report_page *page, const char *sequence, const char *word)
{
    fprintf(page->out, "%s%s%s", yodel_color(page->color, sequence), word,
            yodel_color(page->color, YODEL_COLOR_END));
}

static void write_error_count(const yodel_report_page *page)
{
    const yodel_report *report = page->report;
    char number[YODEL_VALUE_TEXT], text[64];
    int64_t flaws = 0, wrong_bytes = 0;
    uint64_t answered = 0;

    for (size_t i = 0; i < report->count; i++) {
        flaws += yodel_tally_flaws(&report->results[i].total);
        wrong_bytes += yodel_tally_wrong(&report->results[i].total);
        answered += report->results[i].total.answered;
    }
    if (answered == 0) {
        fputs(", ", page->out);
        write_word(page, YODEL_COLOR_BAD, "no answers");
    }
    fputs(", ", page->out);
    if (flaws == 0) {
        fputs("no errors", page->out);
        return;
    }
    snprintf(text, sizeof text, "%s error%s", yodel_amount_exact(flaws, number),
             plural((uint64_t)flaws));
    write_word(page, YODEL_COLOR_BAD, text);
    if (wrong_bytes != 0) {
        snprintf(text, sizeof text, "%s with wrong bytes", yodel_amount_exact(wrong_bytes, number));
        fputs(", ", page->out);
        write_word(page, YODEL_COLOR_BAD, text);
    }
}

static void write_verdict(const yodel_report_page *page)
{
    const yodel_report *report = page->report;
    size_t invalid = 0, interrupted = 0;
    bool good = true;

    for (size_t i = 0; i < report->count; i++) {
        invalid += report->results[i].invalid[0] != '\0';
        interrupted += report->results[i].interrupted;
        good = good && yodel_result_status(&report->results[i]) == 0 &&
               report->results[i].total.answered > 0;
    }
    size_t slos = report->options->slo_count;
    size_t kept = write_slos(page);
    fputs(slos > 0 ? "\n" : "", page->out);
    /* That the figures can be trusted is no reason for green yet. */
    good = good && kept == slos;
    write_word(page,
               invalid > 0 ? YODEL_COLOR_BAD
               : good      ? YODEL_COLOR_GOOD
                           : YODEL_COLOR_BOLD,
               invalid > 0 ? "INVALID" : "VALID");
    if (invalid > 0 && report->count > 1) {
        fprintf(page->out, " (%zu of %zu runs)", invalid, report->count);
    }
    write_error_count(page);
    if (kept < slos) {
        char text[64];
        snprintf(text, sizeof text, "%zu of %zu SLO%s FAILED", slos - kept, slos, plural(slos));
        fputs(", ", page->out);
        write_word(page, YODEL_COLOR_BAD, text);
    } else if (slos > 0) {
        fprintf(page->out, ", %s kept", slos == 1 ? "the SLO" : "all SLOs");
    }
    if (interrupted > 0) {
        fputs(", ", page->out);
        write_word(page, YODEL_COLOR_DOUBT, "interrupted");
    }
    fputc('\n', page->out);
    for (size_t i = 0; i < report->count; i++) {
        const yodel_result *r = &report->results[i];
        write_remark(page, i, "do not trust these figures: ", r->invalid);
        write_remark(page, i, "note: ", r->note);
        write_remark(page, i, "connecting failed, the last time with: ", r->connect_error);
    }
}

void yodel_report_write(const yodel_report *report, FILE *out, bool color)
{
    yodel_report_page page = {.report = report, .out = out, .color = color};

    write_what_ran(&page);
    if (report->count == 1) {
        yodel_report_run(&page, report->results);
    } else {
        yodel_report_runs(&page);
    }
    yodel_report_faults(&page);
    yodel_report_flaws(&page);
    yodel_report_mismatch(&page);
    fputc('\n', out);
    write_verdict(&page);
}

/* --- of several runs ---------------------------------------------------------------------------*/

/* A run without a rate, interrupted before it had one, comes before all others. Equal rates: in the
 * order of the runs. */
static bool comes_before(const yodel_report *report, size_t a, size_t b)
{
    double x = report->results[a].counted_rate, y = report->results[b].counted_rate;

    x = isnan(x) ? -1 : x;
    y = isnan(y) ? -1 : y;
    return x < y || (x == y && a < b); // NOLINT(clang-diagnostic-float-equal)
}

const yodel_result *yodel_report_median_run(const yodel_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        size_t before = 0;
        for (size_t k = 0; k < report->count; k++) {
            before += comes_before(report, k, i);
        }
        if (before == (report->count - 1) / 2) {
            return &report->results[i];
        }
    }
    return report->results;
}

size_t yodel_report_kept(const yodel_report *report, const yodel_slo *slo)
{
    size_t kept = 0;
    double value;

    for (size_t i = 0; i < report->count; i++) {
        kept += yodel_slo_kept(slo, &report->results[i], &value);
    }
    return kept;
}
