#include <inttypes.h>
#include <math.h>
#include <stdbool.h>

#include "tools/flood/html_parts.h"
#include "tools/flood/markup.h"

static void pill(FILE *out, const char *kind, const char *text)
{
    const char *symbol = kind[0] == 'g' ? "\u2713" : kind[0] == 'b' ? "\u2717" : "!";

    fprintf(out, "<li class=\"%s\">%s %s</li>\n", kind, symbol, text);
}

/* What all runs together come to. */
typedef struct verdict {
    size_t invalid, interrupted;
    int64_t flaws, wrong; /* errors, and those of them that are wrong bytes */
    uint64_t answered;
    const yodel_result *mismatch; /* the first run with a wrong answer, or NULL */
} verdict;

static verdict judge(const yodel_report *report)
{
    verdict v = {.mismatch = NULL};

    for (size_t i = 0; i < report->count; i++) {
        const yodel_result *r = &report->results[i];

        v.flaws += yodel_tally_flaws(&r->total);
        v.wrong += yodel_tally_wrong(&r->total);
        v.answered += r->total.answered;
        v.invalid += r->invalid[0] != '\0';
        v.interrupted += r->interrupted;
        if (r->has_mismatch && v.mismatch == NULL) {
            v.mismatch = r;
        }
    }
    return v;
}

static void write_pills(const yodel_report *report, const verdict *v, FILE *out)
{
    const yodel_flood_options *o = report->options;
    char text[128];
    char number[YODEL_AMOUNT_TEXT];

    fputs("<ul class=\"pills\">\n", out);
    if (v->invalid == 0) {
        pill(out, "good", "VALID");
    } else if (report->count == 1) {
        pill(out, "bad", "INVALID");
    } else {
        snprintf(text, sizeof text, "INVALID: %zu of %zu runs", v->invalid, report->count);
        pill(out, "bad", text);
    }
    if (v->interrupted > 0) {
        pill(out, "doubt", "interrupted");
    }
    if (v->answered == 0) {
        pill(out, "bad", "no answers");
    }
    if (v->flaws == 0 && v->answered > 0) {
        pill(out, "good", "no errors");
    } else if (v->flaws != 0) {
        bool one = v->flaws == 1;

        snprintf(text, sizeof text, "%s %s", yodel_amount_exact(v->flaws, number),
                 one ? "error" : "errors");
        pill(out, "bad", text);
    }
    if (v->wrong > 0) {
        snprintf(text, sizeof text, "%s with wrong bytes", yodel_amount_exact(v->wrong, number));
        pill(out, "bad", text);
    }
    if (o->slo_count > 0) {
        size_t kept = 0;

        for (size_t i = 0; i < o->slo_count; i++) {
            kept += yodel_report_kept(report, &o->slos[i]) == report->count;
        }
        snprintf(text, sizeof text, "%zu of %zu SLO%s kept", kept, o->slo_count,
                 o->slo_count == 1 ? "" : "s");
        pill(out, kept == o->slo_count ? "good" : "bad", text);
    }
    fputs("</ul>\n", out);
}

/* "Run 2: " in front of it when there are several. */
static void write_remark(const yodel_report *report, size_t run, const char *what, const char *why,
                         FILE *out)
{
    if (why[0] == '\0') {
        return;
    }
    fputs("<p>", out);
    if (report->count > 1) {
        fprintf(out, "Run %zu: ", run + 1);
    }
    fputs(what, out);
    yodel_markup_text(out, why);
    fputs("</p>\n", out);
}

static void write_remarks(const yodel_report *report, FILE *out)
{
    for (size_t i = 0; i < report->count; i++) {
        write_remark(report, i, "<strong class=\"bad\">Not to be trusted:</strong> ",
                     report->results[i].invalid, out);
        write_remark(report, i, "<strong>Note:</strong> ", report->results[i].note, out);
        write_remark(report, i, "<strong class=\"bad\">Connecting failed:</strong> ",
                     report->results[i].connect_error, out);
    }
}

static void write_slos(const yodel_report *report, FILE *out)
{
    const yodel_flood_options *o = report->options;
    const yodel_result *shown = yodel_report_median_run(report);
    char text[YODEL_VALUE_TEXT];

    if (o->slo_count == 0) {
        return;
    }
    fputs("<div class=\"scroll\"><table><caption>Service level objectives</caption>\n<thead><tr>"
          "<th scope=\"col\">objective</th><th scope=\"col\">measured</th>"
          "<th scope=\"col\">verdict</th></tr></thead>\n<tbody>\n",
          out);
    for (size_t i = 0; i < o->slo_count; i++) {
        const yodel_slo *slo = &o->slos[i];
        size_t kept = yodel_report_kept(report, slo);
        double value = NAN;

        yodel_slo_kept(slo, shown, &value);
        fputs("<tr><th scope=\"row\"><code>", out);
        yodel_markup_text(out, slo->text);
        fprintf(out, "</code></th><td>%s</td>", yodel_html_value(slo->metric->unit, value, text));
        if (kept == report->count) {
            fputs("<td class=\"good\">\u2713 kept", out);
        } else {
            fputs("<td class=\"bad\">\u2717 failed", out);
            if (report->count > 1) {
                fprintf(out, " in %zu of %zu runs", report->count - kept, report->count);
            }
        }
        fputs("</td></tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
}

static void write_command(const char *title, const char *command, FILE *out)
{
    fprintf(out, "<div><h3>%s</h3><pre><code>", title);
    yodel_markup_text(out, command);
    fputs("</code></pre></div>\n", out);
}

/* One line of a dump: an offset, eight bytes in hex, the same as text; those that differ from the
 * other side are marked. */
static void write_dump(const char *name, const uint8_t *bytes, size_t count, const uint8_t *other,
                       size_t other_count, uint64_t from, FILE *out)
{
    enum { ROW = 8 };

    fprintf(out, "<div><p class=\"sub\">%s</p><pre class=\"dump\">", name);
    if (count == 0) {
        fputs("nothing", out);
    }
    for (size_t row = 0; row < count; row += ROW) {
        fprintf(out, "%s%4" PRIu64, row > 0 ? "\n" : "", from + row);
        for (size_t i = row; i < row + ROW; i++) {
            bool differs = i < count && (i >= other_count || bytes[i] != other[i]);

            if (i >= count) {
                fputs("   ", out);
            } else {
                fprintf(out, " %s%02x%s", differs ? "<mark>" : "", bytes[i],
                        differs ? "</mark>" : "");
            }
        }
        fputs(" ", out);
        for (size_t i = row; i < row + ROW && i < count; i++) {
            char character[2] = {'.', '\0'};

            if (bytes[i] > 0x20 && bytes[i] < 0x7f) {
                character[0] = (char)bytes[i];
            } else if (bytes[i] == ' ') {
                character[0] = ' ';
            }
            yodel_markup_text(out, character);
        }
    }
    fputs("</pre></div>\n", out);
}

static void write_mismatch(const yodel_result *r, uint64_t seed, FILE *out)
{
    const yodel_mismatch *m = &r->mismatch;

    fprintf(out,
            "<div><h3>The first wrong answer: %s</h3>\n<p>Connection %" PRIu32 ", line %" PRIu64
            ": differs from byte %" PRIu64 " on; %" PRIu64 " bytes expected, %" PRIu64
            " got (seed %" PRIu64 ").</p>\n<div class=\"dumps\">\n",
            yodel_flaw_name(m->flaw), m->connection, m->line, m->offset, m->expected_length,
            m->got_length, seed);
    write_dump("expected", m->expected, m->expected_kept, m->got, m->got_kept, m->from, out);
    write_dump("got", m->got, m->got_kept, m->expected, m->expected_kept, m->from, out);
    fputs("</div></div>\n", out);
}

void yodel_html_verdict(const yodel_report *report, FILE *out)
{
    verdict v = judge(report);

    fputs("<section class=\"card verdict\" aria-label=\"Verdict\">\n", out);
    write_pills(report, &v, out);
    fputs("<div class=\"remarks\">", out);
    write_remarks(report, out);
    fputs("</div>\n", out);
    write_command("Command", report->command, out);
    if (v.flaws != 0) {
        write_command("Replay", report->replay, out);
    }
    if (v.mismatch != NULL) {
        write_mismatch(v.mismatch, report->options->seed, out);
    }
    write_slos(report, out);
    fputs("</section>\n", out);
}
