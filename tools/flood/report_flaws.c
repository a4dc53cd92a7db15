#include <inttypes.h>

#include "tools/flood/amount.h"
#include "tools/flood/color.h"
#include "tools/flood/report_parts.h"

/* Bytes in a row of a dump, and where the first one of it stands: behind the indent, the offset and
 * two blanks. */
enum { ROW = 16, DUMP_INDENT = 2, FIRST_BYTE = DUMP_INDENT + 8 + 2 };

static const char *flaw_meaning(yodel_flaw flaw)
{
    static const char *const meanings[YODEL_FLAWS] = {
        [YODEL_FLAW_CONNECT] = "attempts to connect that failed",
        [YODEL_FLAW_RESET] = "connections reset or otherwise broken",
        [YODEL_FLAW_CLOSED] = "connections closed by the server too early",
        [YODEL_FLAW_TIMEOUT] = "lines not answered in time",
        [YODEL_FLAW_LOST] = "lines that were never answered",
        [YODEL_FLAW_DUPLICATED] = "second answers to the same line",
        [YODEL_FLAW_REORDERED] = "lines answered after a later one",
        [YODEL_FLAW_FOREIGN] = "answers that belong to another connection",
        [YODEL_FLAW_CORRUPT] = "answers with wrong bytes in them",
        [YODEL_FLAW_TRUNCATED] = "answers whose end is missing",
        [YODEL_FLAW_EXTRA] = "answers that no line asked for",
    };
    return meanings[flaw];
}

void yodel_report_faults(const yodel_report_page *page)
{
    const yodel_report *report = page->report;
    const char *between = "";
    char text[YODEL_AMOUNT_TEXT];
    uint64_t abandoned = 0;

    for (int fault = 0; fault < YODEL_FAULTS; fault++) {
        uint64_t sum = 0;
        for (size_t i = 0; i < report->count; i++) {
            sum += report->results[i].total.faults[fault];
        }
        if (report->options->faults[fault] <= 0) {
            continue;
        }
        if (between[0] == '\0') {
            fputc('\n', page->out);
            yodel_report_label(page, "faults");
        }
        fprintf(page->out, "%s%s %s", between, yodel_fault_name((yodel_fault)fault),
                yodel_amount_exact((int64_t)sum, text));
        between = ", ";
    }
    if (between[0] == '\0') {
        return;
    }
    fputs(" (connections, on purpose)\n", page->out);
    for (size_t i = 0; i < report->count; i++) {
        abandoned += report->results[i].total.abandoned;
    }
    if (abandoned > 0) {
        yodel_report_label(page, "");
        fprintf(page->out, "%s line%s left behind by faults\n",
                yodel_amount_exact((int64_t)abandoned, text), abandoned == 1 ? "" : "s");
    }
}

void yodel_report_flaws(const yodel_report_page *page)
{
    const yodel_report *report = page->report;
    char text[YODEL_AMOUNT_TEXT];
    bool any = false;

    fputc('\n', page->out);
    for (int flaw = 0; flaw < YODEL_FLAWS; flaw++) {
        int64_t sum = 0;
        for (size_t i = 0; i < report->count; i++) {
            sum += report->results[i].total.flaws[flaw];
        }
        if (sum == 0) {
            continue;
        }
        yodel_report_label(page, any ? "" : "errors:");
        fprintf(page->out, "%s%-13s%10s%s  %s\n", yodel_color(page->color, YODEL_COLOR_BAD),
                yodel_flaw_name((yodel_flaw)flaw), yodel_amount_exact(sum, text),
                yodel_color(page->color, YODEL_COLOR_END), flaw_meaning((yodel_flaw)flaw));
        any = true;
    }
    if (!any) {
        fputs("  errors: none\n", page->out);
    }
}

/* --- the first wrong answer --------------------------------------------------------------------*/

/* A row as `hexdump -C` shows it; the wrong byte in color, and marked in the line below. */
static void write_row(const yodel_report_page *page, const uint8_t *bytes, size_t count,
                      uint64_t offset, size_t wrong)
{
    const char *on = yodel_color(page->color, YODEL_COLOR_BAD);
    const char *off = yodel_color(page->color, YODEL_COLOR_END);

    fprintf(page->out, "%*s%08" PRIx64 " ", DUMP_INDENT, "", offset);
    for (size_t i = 0; i < ROW; i++) {
        fputs(i % 8 == 0 ? " " : "", page->out);
        if (i < count) {
            fprintf(page->out, "%s%02x%s ", i == wrong ? on : "", bytes[i], i == wrong ? off : "");
        } else {
            fputs("   ", page->out);
        }
    }
    fputs(" |", page->out);
    for (size_t i = 0; i < count; i++) {
        int c = bytes[i] >= 0x20 && bytes[i] < 0x7f ? bytes[i] : '.';
        fprintf(page->out, "%s%c%s", i == wrong ? on : "", c, i == wrong ? off : "");
    }
    fputs("|\n", page->out);
    if (wrong < count) {
        size_t column = FIRST_BYTE + 3 * wrong + wrong / 8;
        /* Behind the first bar, which follows 16 bytes, a gap and a blank. */
        size_t text = FIRST_BYTE + 3 * ROW + 1 + 2 + wrong;
        fprintf(page->out, "%*s^^%*s^\n", (int)column, "", (int)(text - column - 2), "");
    }
}

static void write_dump(const yodel_report_page *page, const char *name, const uint8_t *bytes,
                       size_t count, uint64_t length, const yodel_mismatch *m)
{
    /* No byte of this dump when the difference is that one of the two answers ends here. */
    uint64_t wrong = m->offset - m->from;
    char text[YODEL_AMOUNT_TEXT];

    fprintf(page->out, "\n%*s%s, %s byte%s\n", DUMP_INDENT, "", name,
            yodel_amount_exact((int64_t)length, text), length == 1 ? "" : "s");
    for (size_t at = 0; at < count; at += ROW) {
        size_t in_row = count - at < ROW ? count - at : ROW;
        size_t mark = wrong >= at && wrong < at + in_row ? (size_t)(wrong - at) : SIZE_MAX;
        write_row(page, bytes + at, in_row, m->from + at, mark);
    }
    if (m->from + count == length && wrong >= count) {
        fprintf(page->out, "%*s%08" PRIx64 "  ends here\n", DUMP_INDENT, "", length);
    }
}

void yodel_report_mismatch(const yodel_report_page *page)
{
    const yodel_report *report = page->report;
    const yodel_result *r = NULL;
    char line[YODEL_AMOUNT_TEXT], offset[YODEL_AMOUNT_TEXT];

    for (size_t i = 0; i < report->count && r == NULL; i++) {
        r = report->results[i].has_mismatch ? &report->results[i] : NULL;
    }
    if (r == NULL) {
        return;
    }
    const yodel_mismatch *m = &r->mismatch;
    fprintf(page->out, "\n%sThe first wrong answer: %s%s",
            yodel_color(page->color, YODEL_COLOR_BAD), yodel_flaw_name(m->flaw),
            yodel_color(page->color, YODEL_COLOR_END));
    if (report->count > 1) {
        fprintf(page->out, ", in run %zu", (size_t)(r - report->results) + 1);
    }
    fprintf(page->out,
            "\n  connection %" PRIu32 ", line %s, differs at offset %s (0x%" PRIx64 ")\n",
            m->connection, yodel_amount_exact((int64_t)m->line, line),
            yodel_amount_exact((int64_t)m->offset, offset), m->offset);
    write_dump(page, "expected", m->expected, m->expected_kept, m->expected_length, m);
    write_dump(page, "got", m->got, m->got_kept, m->got_length, m);
    fprintf(page->out, "\n  seed %" PRIu64 "; to do the same again:\n  ", report->options->seed);
    yodel_report_text(page, report->replay);
    fputc('\n', page->out);
}
