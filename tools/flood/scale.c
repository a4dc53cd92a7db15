#include "tools/flood/scale.h"

#include <assert.h>
#include <math.h>

/* An axis is legible with this many steps or fewer. */
enum { MOST_STEPS = 5, MOST_TIME_STEPS = 7 };

/* What floating point may be off by in a quotient of neighbours on an axis. */
static const double tiny = 1e-9;

/* The least of 1, 2, 5, 10, ... times a power of ten that is not below x. x > 0. */
static double round_up(double x)
{
    static const double mantissas[] = {1, 2, 5};
    double decade = pow(10, floor(log10(x)));

    for (size_t i = 0; i < sizeof mantissas / sizeof mantissas[0]; i++) {
        if (mantissas[i] * decade >= x * (1 - tiny)) {
            return mantissas[i] * decade;
        }
    }
    return 10 * decade;
}

static void add_tick(yodel_scale *s, double value)
{
    assert(s->tick_count < YODEL_SCALE_TICKS);
    s->ticks[s->tick_count++] = value + 0.0; /* no -0 */
}

static void linear(yodel_scale *s, double high, double step)
{
    int steps = (int)fmax(ceil(high / step - tiny), 1);

    *s = (yodel_scale){.high = steps * step};
    for (int i = 0; i <= steps; i++) {
        add_tick(s, i * step);
    }
}

void yodel_scale_linear(yodel_scale *s, double high, double least_step)
{
    assert(isfinite(high) && high >= 0);
    linear(s, high, high > 0 ? fmax(round_up(high / MOST_STEPS), least_step) : 1);
}

void yodel_scale_bytes(yodel_scale *s, double high)
{
    double unit = 1;

    assert(isfinite(high) && high >= 0);
    while (high / unit > 1024) {
        unit *= 1024;
    }
    linear(s, high, high > 0 ? fmax(round_up(high / unit / MOST_STEPS) * unit, 1) : 1);
}

void yodel_scale_log(yodel_scale *s, double low, double high)
{
    static const double mantissas[] = {1, 2, 5};
    bool all; /* ticks at 1, 2, 5, or at powers of ten only? */
    int last; /* exponent */

    assert(isfinite(high) && 0 < low && low <= high);
    *s = (yodel_scale){.log = true};
    s->low = 1 / round_up(1 / low);
    s->high = round_up(high);
    if (s->high <= s->low * (1 + tiny)) { /* a round number, nothing else: in the middle */
        s->low /= 2;
        s->high = round_up(s->high * 1.5);
    }
    all = s->high / s->low < 1000 * (1 + tiny);
    if (!all) {
        s->low = pow(10, floor(log10(s->low) + tiny));
        s->high = pow(10, ceil(log10(s->high) - tiny));
    }
    last = (int)ceil(log10(s->high) - tiny);
    for (int exponent = (int)floor(log10(s->low) + tiny); exponent <= last; exponent++) {
        for (size_t i = 0; i < (all ? 3 : 1); i++) {
            double value = mantissas[i] * pow(10, exponent);

            if (value >= s->low * (1 - tiny) && value <= s->high * (1 + tiny)) {
                add_tick(s, value);
            }
        }
    }
}

static double time_step(double rough)
{
    static const double steps[] = {1,   2,    5,    10,   20,   30,    60,    120,   300,
                                   600, 1200, 1800, 3600, 7200, 14400, 21600, 43200, 86400};

    if (rough <= 0.5 * (1 + tiny)) {
        return round_up(rough);
    }
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (steps[i] >= rough * (1 - tiny)) {
            return steps[i];
        }
    }
    return round_up(rough / 86400) * 86400;
}

void yodel_scale_time(yodel_scale *s, double low, double high)
{
    double step;
    double first; /* in steps */
    int count;

    assert(isfinite(low) && isfinite(high) && low <= high);
    *s = (yodel_scale){.low = low, .high = high};
    if (high - low < 1e-6) {
        s->high = low + 1e-6;
    }
    step = time_step((s->high - low) / MOST_TIME_STEPS);
    first = ceil(low / step - tiny);
    count = (int)floor(s->high / step - first + tiny) + 1;
    for (int i = 0; i < count; i++) {
        add_tick(s, (first + i) * step);
    }
}

double yodel_scale_at(const yodel_scale *s, double value)
{
    double at = s->log ? log(fmax(value, s->low) / s->low) / log(s->high / s->low)
                       : (value - s->low) / (s->high - s->low);

    return fmin(fmax(at, 0), 1);
}
