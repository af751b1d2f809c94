#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "state/base/buf.h"
#include "tests/unit/random.h"

static void assert_holds(const struct buf *b, const char *text)
{
    assert_int_equal(b->len, strlen(text));
    assert_string_equal(b->data, text);
    assert_true(b->cap > b->len);
}

static void zeroed_is_empty_and_deinit_of_it_is_legal(void **state)
{
    struct buf b = {0};
    buf_consume(&b, 0);
    buf_deinit(&b);
    buf_deinit(&b);
    assert_null(b.data);
}

static void appends_one_after_the_other(void **state)
{
    struct buf b = {0};
    buf_append(&b, NULL, 0);
    assert_holds(&b, "");
    buf_append(&b, "abcdef", 3);
    buf_append_char(&b, ' ');
    buf_append_str(&b, "xyz");
    buf_printf(&b, " %d-%s", 42, "end");
    assert_holds(&b, "abc xyz 42-end");
    buf_deinit(&b);
}

static void appends_any_number(void **state)
{
    struct buf b = {0};
    buf_append_u64(&b, 0);
    buf_append_char(&b, ' ');
    buf_append_u64(&b, 10);
    buf_append_char(&b, ' ');
    buf_append_u64(&b, UINT64_MAX);
    assert_holds(&b, "0 10 18446744073709551615");
    buf_deinit(&b);
}

static void keeps_bytes_that_are_zero(void **state)
{
    struct buf b = {0};
    buf_append(&b, "a\0b", 3);
    assert_int_equal(b.len, 3);
    assert_memory_equal(b.data, "a\0b", 4);
    buf_deinit(&b);
}

static void prints_more_than_fits(void **state)
{
    struct buf b = {0};
    char expected[1001];
    memset(expected, 'x', 1000);
    expected[1000] = '\0';
    buf_append_str(&b, "<");
    buf_printf(&b, "%s", expected);
    assert_int_equal(b.len, 1001);
    assert_string_equal(b.data + 1, expected);
    buf_deinit(&b);
}

/* The most that fits without growth, and one more: where an off-by-one would be. */
static void prints_what_just_fits(void **state)
{
    for (int width = 60; width < 70; width++) {
        struct buf b = {0};
        buf_printf(&b, "%*d", width, 7);
        assert_int_equal(b.len, width);
        assert_int_equal(b.data[width - 1], '7');
        assert_int_equal(b.data[width], '\0');
        buf_deinit(&b);
    }
}

static void consumes_at_the_front(void **state)
{
    struct buf b = {0};
    buf_append_str(&b, "abcdef");
    buf_consume(&b, 2);
    assert_holds(&b, "cdef");
    buf_consume(&b, 4);
    assert_holds(&b, "");
    buf_deinit(&b);
}

static void stealing_leaves_it_empty(void **state)
{
    struct buf b = {0};
    buf_append_str(&b, "mine");
    char *data = buf_steal(&b);
    assert_string_equal(data, "mine");
    assert_null(b.data);
    free(data);
    data = buf_steal(&b);
    assert_string_equal(data, "");
    free(data);
}

static void equals_a_plain_array_under_random_operations(void **state)
{
    static char model[1 << 16];
    struct random r = {.state = 1};
    struct buf b = {0};
    size_t len = 0;

    for (int i = 0; i < 5000; i++) {
        char piece[100];
        size_t n = random_below(&r, sizeof(piece));
        memset(piece, (int)('a' + random_below(&r, 26)), sizeof(piece));
        if (random_below(&r, 3) > 0 && len + n < sizeof(model)) {
            buf_append(&b, piece, n);
            memcpy(model + len, piece, n);
            len += n;
        } else {
            n = random_below(&r, len + 1);
            buf_consume(&b, n);
            memmove(model, model + n, len - n);
            len -= n;
        }
        assert_int_equal(b.len, len);
        assert_memory_equal(b.data ? b.data : "", model, len);
        assert_true(!b.data || b.data[len] == '\0');
    }
    buf_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeroed_is_empty_and_deinit_of_it_is_legal),
        cmocka_unit_test(appends_one_after_the_other),
        cmocka_unit_test(appends_any_number),
        cmocka_unit_test(keeps_bytes_that_are_zero),
        cmocka_unit_test(prints_more_than_fits),
        cmocka_unit_test(prints_what_just_fits),
        cmocka_unit_test(consumes_at_the_front),
        cmocka_unit_test(stealing_leaves_it_empty),
        cmocka_unit_test(equals_a_plain_array_under_random_operations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
