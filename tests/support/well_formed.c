#include "tests/support/well_formed.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

/* The name of a tag at p, behind < or </, into name. */
static void tag_name(const char *p, char name[32])
{
    size_t n = strspn(p, "abcdefghijklmnopqrstuvwxyz0123456789");

    if (n == 0 || n >= 32) {
        fail_msg("no name of a tag: %.60s", p);
    }
    memcpy(name, p, n);
    name[n] = '\0';
}

/* From behind the name of a start tag to its >, over attributes that are all quoted. */
static const char *over_attributes(const char *p, bool *closed)
{
    *closed = false;
    for (;;) {
        p += strspn(p, " \n");
        if (*p == '>') {
            return p + 1;
        }
        if (p[0] == '/' && p[1] == '>') {
            *closed = true;
            return p + 2;
        }
        if (!isalpha((unsigned char)*p)) {
            fail_msg("no attribute: %.60s", p);
        }
        p += strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789");
        if (p[0] != '=' || p[1] != '"') {
            fail_msg("an attribute without a quoted value: %.60s", p);
        }
        p += 2;
        p += strcspn(p, "\"<");
        if (*p != '"') {
            fail_msg("an attribute without an end, or with a <: %.60s", p);
        }
        p++;
    }
}

static const char *over_text(const char *p)
{
    while (*p != '<' && *p != '\0') {
        if (*p == '&') {
            size_t n = strcspn(p, "; <\n");

            if (p[n] != ';' || n > 6) {
                fail_msg("a bare &: %.60s", p);
            }
        }
        if ((unsigned char)*p < 0x20 && *p != '\n') {
            fail_msg("a control character before: %.60s", p + 1);
        }
        p++;
    }
    return p;
}

void test_well_formed(const char *page)
{
    static const char doctype[] = "<!DOCTYPE html>\n";
    char open[64][32];
    size_t depth = 0;
    const char *p = page;

    if (strncmp(page, doctype, strlen(doctype)) == 0) {
        p += strlen(doctype);
    }
    while (*(p = over_text(p)) != '\0') {
        char name[32];
        bool closed;

        p++;
        if (*p == '/') {
            tag_name(p + 1, name);
            if (depth == 0 || strcmp(open[depth - 1], name) != 0) {
                fail_msg("</%s> where <%s> is open: %.60s", name, depth > 0 ? open[depth - 1] : "",
                         p);
            }
            depth--;
            p += 1 + strlen(name);
            assert_int_equal(*p++, '>');
            continue;
        }
        tag_name(p, name);
        p = over_attributes(p + strlen(name), &closed);
        if (!closed) {
            assert_true(depth < 64);
            strcpy(open[depth++], name);
        }
        if (strcmp(name, "style") == 0) { /* the one element with text of its own kind */
            p = strstr(p, "</style>");
            assert_non_null(p);
        }
    }
    assert_int_equal(depth, 0);
}
