/*
 * Text from outside in an HTML file.
 */
#include "tools/flood/markup.h"

#include <stdlib.h>

#include "tests/support/cmocka_all.h"

static void is_written_as(const char *text, const char *expected)
{
    char *written = NULL;
    size_t length;
    FILE *out = open_memstream(&written, &length);

    assert_non_null(out);
    yodel_markup_text(out, text);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(written, expected);
    free(written);
}

static void harmless_text_stays(void **state)
{
    (void)state;
    is_written_as("", "");
    is_written_as("flood -c 50 [::1]:8007", "flood -c 50 [::1]:8007");
    is_written_as("two\n\tlines", "two\n\tlines");
    is_written_as("gr\u00fc\u00df \u20ac \U0001f600", "gr\u00fc\u00df \u20ac \U0001f600");
    is_written_as("\u00a0", "\u00a0"); /* the first one behind C1 */
}

static void what_html_would_act_on(void **state)
{
    (void)state;
    is_written_as("<b>", "&lt;b&gt;");
    is_written_as("a&b&amp;", "a&amp;b&amp;amp;");
    is_written_as("\"'", "&quot;&#39;");
    is_written_as("</title><script>alert('1')</script>",
                  "&lt;/title&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;");
}

static void what_is_no_text(void **state)
{
    (void)state;
    is_written_as("\x01\x1b[31m\r\x7f", "\\x01\\x1b[31m\\x0d\\x7f");
    is_written_as("\xc2\x9b", "\\xc2\\x9b"); /* C1 */
    is_written_as("\xff<", "\\xff&lt;");
    is_written_as("\xe2\x82", "\\xe2\\x82");          /* cut off at the end */
    is_written_as("\xe2<\x82", "\\xe2&lt;\\x82");     /* a character does not hide a < */
    is_written_as("\xed\xa0\x80", "\\xed\\xa0\\x80"); /* a surrogate */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(harmless_text_stays),
        cmocka_unit_test(what_html_would_act_on),
        cmocka_unit_test(what_is_no_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
