#include "tools/flood/option_values.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/address.h"
#include "core/units.h"
#include "tools/flood/amount.h"

#define LENGTH_MAX (16UL * 1024 * 1024)

static int no_memory(const yodel_complaint *c)
{
    (void)yodel_complain(c, "no memory");
    return -ENOMEM;
}

int yodel_option_count(const char *option, const char *text, uint64_t min, uint64_t max,
                       uint64_t *count, const yodel_complaint *c)
{
    double value;

    if (yodel_amount_parse(text, &value) < 0 || value != floor(value)) {
        return yodel_complain(c, "%s '%s' is not a count like 50 or 15k", option, text);
    }
    if (value < (double)min || value > (double)max) {
        char least[YODEL_AMOUNT_TEXT], most[YODEL_AMOUNT_TEXT];
        return yodel_complain(c, "%s '%s' is not from %s to %s", option, text,
                              yodel_amount_exact((int64_t)min, least),
                              yodel_amount_exact((int64_t)max, most));
    }
    *count = (uint64_t)value;
    return 0;
}

int yodel_option_rate(const char *option, const char *text, double *rate, const yodel_complaint *c)
{
    double value;

    if (yodel_amount_parse(text, &value) < 0) {
        return yodel_complain(c, "%s '%s' is not a number per second like 500 or 250k", option,
                              text);
    }
    if (value <= 0 || value > 1e9) {
        return yodel_complain(c, "%s '%s' is not above 0 and up to 1G per second", option, text);
    }
    *rate = value;
    return 0;
}

int yodel_option_time(const char *option, const char *text, bool zero_allowed, double *seconds,
                      const yodel_complaint *c)
{
    double value;
    int error = yodel_parse_duration(text, &value);

    if (error == -ERANGE || (error == 0 && value > 1e7)) {
        return yodel_complain(c, "%s '%s' is too long", option, text);
    }
    if (error < 0) {
        return yodel_complain(c, "%s '%s' is not a duration like 10s, 200ms or 2m", option, text);
    }
    if (value < 0.001 && !(zero_allowed && value == 0)) {
        return yodel_complain(c, "%s '%s' is too short: 1ms is the least", option, text);
    }
    *seconds = value;
    return 0;
}

static int one_length(const char *text, uint32_t *length, const yodel_complaint *c)
{
    uint64_t bytes;

    if (yodel_parse_size(text, &bytes) < 0) {
        return yodel_complain(c, "--size '%s' is not a length like 64, or two like 16-4K", text);
    }
    if (bytes < 1 || bytes > LENGTH_MAX) {
        return yodel_complain(c, "--size '%s' is not from 1 to 16M", text);
    }
    *length = (uint32_t)bytes;
    return 0;
}

int yodel_option_lengths(const char *text, uint32_t *min, uint32_t *max, const yodel_complaint *c)
{
    char first[32];
    const char *dash = strchr(text, '-');
    uint32_t low = 0, high = 0;

    if (dash == NULL) {
        int error = one_length(text, &low, c);
        if (error == 0) {
            *min = *max = low;
        }
        return error;
    }
    if ((size_t)(dash - text) >= sizeof first) {
        return yodel_complain(c, "--size '%s' is not from 1 to 16M", text);
    }
    snprintf(first, sizeof first, "%.*s", (int)(dash - text), text);
    int error = one_length(first, &low, c);
    if (error == 0) {
        error = one_length(dash + 1, &high, c);
    }
    if (error < 0) {
        return error;
    }
    if (low > high) {
        return yodel_complain(c, "--size '%s': the first is the shorter one", text);
    }
    *min = low;
    *max = high;
    return 0;
}

int yodel_option_message(const char *text, const char **line, uint32_t *length,
                         const yodel_complaint *c)
{
    size_t bytes = strlen(text);

    if (bytes == 0) {
        return yodel_complain(c, "--message is empty");
    }
    if (strstr(text, "\r\n") != NULL) {
        return yodel_complain(c, "--message has a CRLF in it: that would be two lines");
    }
    if (bytes > LENGTH_MAX) {
        return yodel_complain(c, "--message is longer than 16M");
    }
    *line = text;
    *length = (uint32_t)bytes;
    return 0;
}

int yodel_option_expect(const char *text, yodel_flood_expect *expect, const yodel_complaint *c)
{
    if (strcmp(text, "chat") == 0) {
        *expect = YODEL_EXPECT_CHAT;
    } else if (strcmp(text, "echo") == 0) {
        *expect = YODEL_EXPECT_ECHO;
    } else {
        return yodel_complain(c, "--expect '%s' is neither chat nor echo", text);
    }
    return 0;
}

int yodel_option_file(const char *option, const char *text, const char **path,
                      const yodel_complaint *c)
{
    if (text[0] == '\0') {
        return yodel_complain(c, "%s is empty", option);
    }
    *path = text;
    return 0;
}

int yodel_option_seed(const char *text, uint64_t *seed, const yodel_complaint *c)
{
    bool hex = strncmp(text, "0x", 2) == 0 || strncmp(text, "0X", 2) == 0;
    const char *digits = hex ? text + 2 : text;
    char *end;

    errno = 0;
    unsigned long long value = strtoull(digits, &end, hex ? 16 : 10);
    /* strtoull would take blanks, a sign, and a second 0x. */
    if (!isxdigit((unsigned char)digits[0]) || tolower((unsigned char)digits[1]) == 'x' ||
        *end != '\0') {
        return yodel_complain(c, "--seed '%s' is not a number like 42 or 0x2a", text);
    }
    if (errno == ERANGE) {
        return yodel_complain(c, "--seed '%s' has more than 64 bits", text);
    }
    *seed = value;
    return 0;
}

/* --- lists -------------------------------------------------------------------------------------*/

static int find_fault(const char *name, yodel_fault *fault, const yodel_complaint *c)
{
    for (int i = 0; i < YODEL_FAULTS; i++) {
        if (strcmp(name, yodel_fault_name((yodel_fault)i)) == 0) {
            *fault = (yodel_fault)i;
            return 0;
        }
    }
    return yodel_complain(
        c, "--fault '%s' is not known, only split, drip, slow-read, half-close and reset", name);
}

/* "reset:5", "reset:5%", "reset". */
static int one_fault(char *item, double percents[YODEL_FAULTS], const yodel_complaint *c)
{
    yodel_fault fault = YODEL_FAULT_SPLIT;
    double percent = 100;
    char *colon = strchr(item, ':');

    if (colon != NULL) {
        *colon = '\0';
    }
    int error = find_fault(item, &fault, c);
    if (error < 0) {
        return error;
    }
    if (colon != NULL) {
        size_t length = strlen(colon + 1);
        if (length > 0 && colon[length] == '%') {
            colon[length] = '\0';
        }
        if (yodel_amount_parse(colon + 1, &percent) < 0 || percent <= 0 || percent > 100) {
            return yodel_complain(c, "--fault %s: '%s' is not a percentage above 0 and up to 100",
                                  item, colon + 1);
        }
    }
    if (percents[fault] > 0) {
        return yodel_complain(c, "--fault %s is given twice", item);
    }
    percents[fault] = percent;
    return 0;
}

int yodel_option_faults(const char *text, double percents[YODEL_FAULTS], const yodel_complaint *c)
{
    double parsed[YODEL_FAULTS];
    char *copy = strdup(text), *rest = copy;
    int error = 0;

    if (copy == NULL) {
        return no_memory(c);
    }
    memcpy(parsed, percents, sizeof parsed);
    while (error == 0 && rest != NULL) {
        error = one_fault(strsep(&rest, ","), parsed, c);
    }
    free(copy);
    if (error == 0) {
        memcpy(percents, parsed, sizeof parsed);
    }
    return error;
}

static int one_source(const char *item, char ***sources, size_t *count, const yodel_complaint *c)
{
    if (item[0] == '\0') {
        return yodel_complain(c, "--source has an empty address");
    }
    char **more = realloc(*sources, (*count + 1) * sizeof *more);
    if (more == NULL) {
        return no_memory(c);
    }
    *sources = more;
    more[*count] = strdup(item);
    if (more[*count] == NULL) {
        return no_memory(c);
    }
    (*count)++;
    return 0;
}

int yodel_option_sources(const char *text, char ***sources, size_t *count, const yodel_complaint *c)
{
    char *copy = strdup(text), *rest = copy;
    int error = 0;

    if (copy == NULL) {
        return no_memory(c);
    }
    while (error == 0 && rest != NULL) {
        error = one_source(strsep(&rest, ","), sources, count, c);
    }
    free(copy);
    return error;
}

/* --- where to ----------------------------------------------------------------------------------*/

#define DEFAULT_PORT "8007"

static int check_target(const char *text, size_t host_length, const char *port,
                        const yodel_complaint *c)
{
    uint64_t number;

    if (host_length == 0) {
        return yodel_complain(c, "'%s' has no host", text);
    }
    if (strspn(text, "0123456789") == strlen(text)) {
        return yodel_complain(c, "'%s' is no host; a port stands behind its host: localhost:%s",
                              text, text);
    }
    if (yodel_parse_count(port, 1, UINT16_MAX, &number) < 0) {
        return yodel_complain(c, "'%s': port '%s' is not a number from 1 to 65535", text, port);
    }
    return 0;
}

/* An IPv6 address, which may have a scope behind a percent sign. */
static bool is_ipv6(const char *text, size_t length)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr binary;
    const char *scope = memchr(text, '%', length);

    length = scope != NULL ? (size_t)(scope - text) : length;
    if (length >= sizeof address) {
        return false;
    }
    memcpy(address, text, length);
    address[length] = '\0';
    return inet_pton(AF_INET6, address, &binary) == 1;
}

static int make_target(const char *host, size_t host_length, const char *port,
                       yodel_flood_target *target, const yodel_complaint *c)
{
    yodel_flood_target t = {strndup(host, host_length), strdup(port)};

    if (t.host == NULL || t.port == NULL) {
        free(t.host);
        free(t.port);
        return no_memory(c);
    }
    *target = t;
    return 0;
}

/* "unix:PATH" is the host, and the port is empty. */
static int unix_target(const char *text, yodel_flood_target *target, const yodel_complaint *c)
{
    yodel_address *list;
    size_t count;
    int error = yodel_address_resolve(text, "", &list, &count);

    if (error == -EINVAL) {
        return yodel_complain(c, "'%s' has no path", text);
    }
    if (error == -ENAMETOOLONG) {
        return yodel_complain(c, "'%s': the path is longer than %zu bytes", text,
                              YODEL_UNIX_PATH_MAX);
    }
    if (error < 0) {
        return no_memory(c);
    }
    free(list);
    return make_target(text, strlen(text), "", target, c);
}

int yodel_option_target(const char *text, yodel_flood_target *target, const yodel_complaint *c)
{
    const char *host = text, *port = DEFAULT_PORT;
    const char *colon = strchr(text, ':');
    size_t length = strlen(text);
    bool bracketed = false;

    if (yodel_address_host_is_unix(text)) {
        return unix_target(text, target, c);
    }
    if (text[0] == '[') {
        const char *close = strchr(text, ']');
        if (close == NULL || (close[1] != '\0' && close[1] != ':')) {
            return yodel_complain(c, "'%s' is not [ADDRESS] or [ADDRESS]:PORT", text);
        }
        host = text + 1;
        length = (size_t)(close - host);
        port = close[1] == ':' ? close + 2 : port;
        bracketed = true;
    } else if (colon != NULL && strchr(colon + 1, ':') == NULL) {
        length = (size_t)(colon - text);
        port = colon + 1;
    } else {
        bracketed = colon != NULL; /* more than one: an IPv6 address without its brackets */
    }
    if (bracketed && length > 0 && !is_ipv6(host, length)) {
        return yodel_complain(c, "'%.*s' is not an IPv6 address", (int)length, host);
    }
    int error = check_target(text, length, port, c);
    if (error < 0) {
        return error;
    }
    return make_target(host, length, port, target, c);
}
