/*
 * Fuzzes `flood compare`: whatever the two files hold, they are either refused with one line that
 * names the file, or compared.
 *
 *     up to the first NUL    file A
 *     behind it              file B; without a NUL A is compared with itself
 */
#include "tools/flood/compare.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
    if (!holds) {
        abort();
    }
}

/* UTF-8 that may be shown to a terminal. */
static void check_text(const char *text, size_t len, bool may_have_lines)
{
    const uint8_t *c = (const uint8_t *)text;

    for (size_t i = 0, n; i < len; i += n) {
        n = yodel_utf8_length(c + i, len - i);
        check(n > 0);
        check(!yodel_utf8_is_control(c + i, n) || (c[i] == '\n' && may_have_lines));
    }
}

static bool load(const char *name, const uint8_t *data, size_t size, yodel_compare_file *file)
{
    char message[300] = "";

    if (yodel_compare_load_bytes(name, data, size, file, message, sizeof message) == 0) {
        check(message[0] == '\0');
        return true;
    }
    check(strstr(message, name) != NULL);
    check_text(message, strlen(message), false);
    return false;
}

static void compare(const yodel_compare_file *a, const yodel_compare_file *b)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    check(out != NULL);
    check(yodel_compare_write(a, b, out) == 0);
    fclose(out);
    check(len > 0);
    check_text(text, len, true);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    yodel_compare_file a = {0};
    yodel_compare_file b = {0};
    const uint8_t *nul = size > 0 ? memchr(data, '\0', size) : NULL;
    size_t a_size = nul != NULL ? (size_t)(nul - data) : size;
    const uint8_t *b_data = nul != NULL ? nul + 1 : data;
    size_t b_size = nul != NULL ? size - a_size - 1 : size;

    if (load("a.json", data, a_size, &a) && load("b.json", b_data, b_size, &b)) {
        compare(&a, &b);
    }
    yodel_compare_file_free(&a);
    yodel_compare_file_free(&b);
    return 0;
}
