#include "tests/support/exposition.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

enum { MOST_METRICS = 200, MOST_SAMPLES = 20000 };

typedef struct metric {
    char name[128];
    char type[16];
    bool has_help, has_type;
} metric;

typedef struct sample {
    const metric *metric;
    char name[128];
    char labels[256]; /* without le and braces */
    char text[512];   /* as written, without the value */
    double value;
    double le;
} sample;

struct exposition {
    metric metrics[MOST_METRICS];
    size_t metric_count;
    size_t sample_count;
    sample samples[MOST_SAMPLES];
};

static bool is_name(const char *name)
{
    if (!isalpha((unsigned char)name[0]) && name[0] != '_' && name[0] != ':') {
        return false;
    }
    for (; *name != '\0'; name++) {
        if (!isalnum((unsigned char)*name) && *name != '_' && *name != ':') {
            return false;
        }
    }
    return true;
}

static bool ends_in(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* --- comments ----------------------------------------------------------------------------------*/

static metric *metric_named(exposition *e, const char *name)
{
    if (e->metric_count > 0 && strcmp(e->metrics[e->metric_count - 1].name, name) == 0) {
        return &e->metrics[e->metric_count - 1];
    }
    for (size_t i = 0; i < e->metric_count; i++) {
        if (strcmp(e->metrics[i].name, name) == 0) {
            fail_msg("%s comes at two places", name);
        }
    }
    assert_true(e->metric_count < MOST_METRICS);
    metric *m = &e->metrics[e->metric_count++];
    assert_true(is_name(name) && strlen(name) < sizeof m->name);
    strcpy(m->name, name);
    return m;
}

static void read_comment(exposition *e, const char *line)
{
    char word[8], name[128];
    int used = 0;
    if (sscanf(line, "# %7s %127s %n", word, name, &used) != 2 || used == 0) {
        fail_msg("no HELP or TYPE: %s", line);
    }
    metric *m = metric_named(e, name);
    if (e->sample_count > 0 && e->samples[e->sample_count - 1].metric == m) {
        fail_msg("behind samples of its own: %s", line);
    }
    const char *rest = line + used;
    if (strcmp(word, "HELP") == 0) {
        assert_false(m->has_help);
        assert_int_not_equal(strlen(rest), 0);
        m->has_help = true;
        return;
    }
    assert_string_equal(word, "TYPE");
    assert_false(m->has_type);
    bool counter = strcmp(rest, "counter") == 0;
    if (!counter && strcmp(rest, "gauge") != 0 && strcmp(rest, "histogram") != 0) {
        fail_msg("no such type: %s", line);
    }
    if (counter != ends_in(name, "_total")) {
        fail_msg("counters, and only they, end in _total: %s", line);
    }
    strcpy(m->type, rest);
    m->has_type = true;
}

/* --- samples -----------------------------------------------------------------------------------*/

/* Reads name="value",... up to the brace; returns what is behind it. */
static const char *read_labels(sample *s, const char *at)
{
    while (*at != '}') {
        char name[64], value[128];
        int used = 0;
        if (sscanf(at, "%63[a-zA-Z0-9_]=\"%n", name, &used) != 1 || used == 0 || !is_name(name) ||
            strncmp(name, "__", 2) == 0) {
            fail_msg("no label: %s", at);
        }
        at += used;
        size_t len = 0;
        for (; *at != '"'; at++) {
            assert_true(*at != '\0' && len + 1 < sizeof value);
            if (*at == '\\') {
                assert_non_null(strchr("\\\"n", at[1]));
                value[len++] = *at++;
            }
            value[len++] = *at;
        }
        value[len] = '\0';
        at++;
        if (strcmp(name, "le") == 0) {
            s->le = strcmp(value, "+Inf") == 0 ? INFINITY : atof(value);
        } else {
            size_t used_labels = strlen(s->labels);
            snprintf(s->labels + used_labels, sizeof s->labels - used_labels, "%s=%s,", name,
                     value);
        }
        if (*at == ',') {
            at++;
        } else {
            assert_int_equal(*at, '}');
        }
    }
    return at + 1;
}

static bool belongs(const sample *s, const metric *m)
{
    size_t len = strlen(m->name);
    if (strcmp(m->type, "histogram") != 0) {
        return strcmp(s->name, m->name) == 0;
    }
    const char *end = s->name + len;
    return strncmp(s->name, m->name, len) == 0 &&
           (strcmp(end, "_bucket") == 0 || strcmp(end, "_sum") == 0 || strcmp(end, "_count") == 0);
}

static void read_sample(exposition *e, const char *line)
{
    assert_true(e->sample_count < MOST_SAMPLES);
    sample *s = &e->samples[e->sample_count];
    *s = (sample){.le = NAN};
    size_t len = strcspn(line, "{ ");
    assert_in_range(len, 1, sizeof s->name - 1);
    memcpy(s->name, line, len);
    assert_true(is_name(s->name));
    const char *at = line + len;
    if (*at == '{') {
        at = read_labels(s, at + 1);
    }
    assert_in_range(at - line, 1, sizeof s->text - 1);
    memcpy(s->text, line, (size_t)(at - line));
    char *end;
    assert_int_equal(*at, ' ');
    s->value = strtod(at + 1, &end);
    if (end == at + 1 || *end != '\0' || !isfinite(s->value)) {
        fail_msg("no value: %s", line);
    }
    s->metric = e->metric_count > 0 ? &e->metrics[e->metric_count - 1] : NULL;
    if (s->metric == NULL || !s->metric->has_help || !s->metric->has_type ||
        !belongs(s, s->metric)) {
        fail_msg("not announced: %s", line);
    }
    bool whole = strcmp(s->metric->type, "gauge") != 0 && !ends_in(s->name, "_seconds_total") &&
                 !ends_in(s->name, "_sum");
    if (strcmp(s->metric->type, "gauge") != 0 && s->value < 0) {
        fail_msg("negative: %s", line);
    }
    if (whole && s->value != floor(s->value)) {
        fail_msg("not whole: %s", line);
    }
    if (exposition_has(e, s->text)) {
        fail_msg("twice: %s", line);
    }
    e->sample_count++;
}

/* --- histograms --------------------------------------------------------------------------------*/

static const sample *find(const exposition *e, const metric *m, const char *end, const char *labels)
{
    char name[160];
    snprintf(name, sizeof name, "%s%s", m->name, end);
    for (size_t i = 0; i < e->sample_count; i++) {
        if (strcmp(e->samples[i].name, name) == 0 && strcmp(e->samples[i].labels, labels) == 0) {
            return &e->samples[i];
        }
    }
    fail_msg("no %s of {%s}", name, labels);
    return NULL;
}

/* Each bucket against the one before it. */
static void check_histograms(const exposition *e)
{
    for (size_t i = 0; i < e->sample_count; i++) {
        const sample *s = &e->samples[i];
        if (!ends_in(s->name, "_bucket")) {
            continue;
        }
        const sample *before = i > 0 && strcmp(e->samples[i - 1].name, s->name) == 0 &&
                                       strcmp(e->samples[i - 1].labels, s->labels) == 0
                                   ? &e->samples[i - 1]
                                   : NULL;
        if (isnan(s->le) || (before != NULL && (s->le <= before->le || s->value < before->value))) {
            fail_msg("not above the bucket before: %s %g", s->text, s->value);
        }
        const sample *after = &e->samples[i + 1];
        bool last = i + 1 == e->sample_count || strcmp(after->name, s->name) != 0 ||
                    strcmp(after->labels, s->labels) != 0;
        if (last &&
            (isfinite(s->le) || s->value != find(e, s->metric, "_count", s->labels)->value)) {
            fail_msg("not +Inf and all of them: %s", s->text);
        }
        (void)find(e, s->metric, "_sum", s->labels);
    }
}

/* --- all ---------------------------------------------------------------------------------------*/

exposition *exposition_read(const char *text)
{
    exposition *e = calloc(1, sizeof *e);
    assert_non_null(e);
    assert_true(strlen(text) > 0 && ends_in(text, "\n"));
    char *copy = strdup(text);
    char *rest = copy;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && rest != NULL;) {
        if (line[0] == '#') {
            read_comment(e, line);
        } else {
            read_sample(e, line);
        }
    }
    free(copy);
    for (size_t i = 0; i < e->metric_count; i++) {
        (void)exposition_sum(e, e->metrics[i].name);
    }
    check_histograms(e);
    return e;
}

void exposition_free(exposition *e)
{
    free(e);
}

static const sample *sample_of(const exposition *e, const char *text)
{
    for (size_t i = 0; i < e->sample_count; i++) {
        if (strcmp(e->samples[i].text, text) == 0) {
            return &e->samples[i];
        }
    }
    return NULL;
}

bool exposition_has(const exposition *e, const char *text)
{
    return sample_of(e, text) != NULL;
}

double exposition_value(const exposition *e, const char *text)
{
    const sample *s = sample_of(e, text);
    if (s == NULL) {
        fail_msg("there is no %s", text);
    }
    return s->value;
}

double exposition_sum(const exposition *e, const char *name)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < e->sample_count; i++) {
        if (strcmp(e->samples[i].metric->name, name) == 0) {
            sum += e->samples[i].value;
            n++;
        }
    }
    if (n == 0) {
        fail_msg("%s has no samples", name);
    }
    return sum;
}

const char *exposition_type(const exposition *e, const char *name)
{
    for (size_t i = 0; i < e->metric_count; i++) {
        if (strcmp(e->metrics[i].name, name) == 0) {
            return e->metrics[i].type;
        }
    }
    return NULL;
}
