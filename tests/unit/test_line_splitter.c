/* Bytes to lines, however they are cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/stdio/line_splitter.h"

#define MAX 10

/* What comes of `text` fed in pieces of at most `piece` bytes: lines in brackets, ! for one that is
 * too long. */
static char *split(const char *text, size_t piece)
{
    CLEANUP(line_splitter_deinit) struct line_splitter s;
    struct buf out = {0};
    size_t total = strlen(text);

    line_splitter_init(&s, MAX);
    for (size_t at = 0; at < total;) {
        size_t len = total - at < piece ? total - at : piece;
        const char *data = text + at;
        at += len;
        for (enum line_outcome o; (o = line_splitter_next(&s, &data, &len)) != LINE_NEEDS_MORE;) {
            if (o == LINE_READY)
                buf_printf(&out, "[%s]", s.line.data);
            else
                buf_append_char(&out, '!');
        }
        assert_int_equal(len, 0);
        assert_true(s.line.len <= MAX);
    }
    if (line_splitter_end(&s) == LINE_READY)
        buf_printf(&out, "[%s]", s.line.data);
    return buf_steal(&out);
}

static const struct {
    const char *text, *lines;
} rows[] = {
    {"", ""},
    {"a\n", "[a]"},
    {"a\nb\n", "[a][b]"},
    {"a\r\nb", "[a][b]"},
    {"\n \n\t\r\n\r\na\n\n", "[a]"},
    {" a b \n", "[ a b ]"},
    {"0123456789\n", "[0123456789]"},
    {"0123456789a\nb\n", "![b]"},
    {"0123456789abcdefghijklmnopqrstuvwxyz\n\nb\n0123456789a", "![b]!"},
    {"0123456789\r\n", "!"},
    {"unfinished", "[unfinished]"},
};

static void lines_are_the_same_however_they_are_cut(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t piece = 1; piece <= strlen(rows[i].text) + 1; piece++) {
            CLEANUP(free_p) char *lines = split(rows[i].text, piece);
            assert_string_equal(lines, rows[i].lines);
        }
}

static void a_nul_is_a_byte_like_others(void **state)
{
    CLEANUP(line_splitter_deinit) struct line_splitter s;
    const char text[] = "a\0b\n\0\n", *data = text;
    size_t len = sizeof(text) - 1;

    line_splitter_init(&s, MAX);
    assert_int_equal(line_splitter_next(&s, &data, &len), LINE_READY);
    assert_int_equal(s.line.len, 3);
    assert_memory_equal(s.line.data, "a\0b", 3);
    assert_int_equal(line_splitter_next(&s, &data, &len), LINE_READY);
    assert_int_equal(s.line.len, 1);
    assert_int_equal(line_splitter_next(&s, &data, &len), LINE_NEEDS_MORE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_the_same_however_they_are_cut),
        cmocka_unit_test(a_nul_is_a_byte_like_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
