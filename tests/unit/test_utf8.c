#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "state/base/macro.h"
#include "state/base/utf8.h"
#include "tests/unit/random.h"

/* The model decodes the bits, then asks whether the number may be written so (RFC 3629 section 3).
 * Returns the length of the character that p begins with, or 0. */
static size_t model_char(const unsigned char *p, size_t len)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = p[0] < 0x80           ? 1
               : (p[0] >> 5) == 0x06 ? 2
               : (p[0] >> 4) == 0x0e ? 3
               : (p[0] >> 3) == 0x1e ? 4
                                     : 0;
    if (n <= 1 || n > len)
        return n <= len ? n : 0;
    uint32_t c = p[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] >> 6) != 2)
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    return c < smallest[n] || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff ? 0 : n;
}

static bool model_is_valid(const unsigned char *p, size_t len)
{
    for (size_t i = 0, n; i < len; i += n) {
        n = model_char(p + i, len - i);
        if (n == 0)
            return false;
    }
    return true;
}

/* Tries all that could follow: at most two more bytes decide, the last of them anything. */
static bool model_can_complete(const unsigned char *p, size_t len)
{
    unsigned char whole[4];
    memcpy(whole, p, len);
    for (size_t n = len + 1; n <= 4; n++) {
        for (unsigned second = 0x80; second < 0xc0; second++) {
            for (size_t i = len; i < n; i++)
                whole[i] = (unsigned char)(i == len ? second : 0x80);
            if (model_char(whole, n) == n)
                return true;
        }
    }
    return false;
}

static size_t model_tail(const unsigned char *p, size_t len)
{
    for (size_t n = 1; n <= 3 && n <= len; n++) {
        if (model_can_complete(p + len - n, n))
            return n;
    }
    return 0;
}

static void check(const unsigned char *p, size_t len)
{
    if (utf8_is_valid(p, len) != model_is_valid(p, len) ||
        utf8_incomplete_tail(p, len) != model_tail(p, len))
        fail_msg("%zu bytes %02x %02x %02x %02x", len, p[0], p[1], p[2], p[3]);
}

/* Bytes on both sides of every border that RFC 3629 draws. */
static const unsigned char borders[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                        0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee,
                                        0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xfe, 0xff};

static void agrees_with_the_model_on_all_short_inputs(void **state)
{
    unsigned char p[4] = {0};
    for (unsigned i = 0; i < 0x10000; i++) {
        p[0] = (unsigned char)(i >> 8);
        p[1] = (unsigned char)i;
        check(p, 1);
        check(p, 2);
        for (size_t j = 0; j < ARRAY_LEN(borders); j++) {
            p[2] = borders[j];
            check(p, 3);
        }
        p[2] = 0;
    }
}

static void agrees_with_the_model_on_four_bytes_at_the_borders(void **state)
{
    unsigned char p[4];
    for (size_t a = 0; a < ARRAY_LEN(borders); a++) {
        for (size_t b = 0; b < ARRAY_LEN(borders); b++) {
            for (size_t c = 0; c < ARRAY_LEN(borders); c++) {
                for (size_t d = 0; d < ARRAY_LEN(borders); d++) {
                    p[0] = borders[a];
                    p[1] = borders[b];
                    p[2] = borders[c];
                    p[3] = borders[d];
                    check(p, 4);
                }
            }
        }
    }
}

/* Long enough for the steps of eight bytes, with the broken one at each place. */
static void finds_a_bad_byte_anywhere_in_long_text(void **state)
{
    unsigned char p[40];
    for (size_t at = 0; at < sizeof(p); at++) {
        memset(p, 'a', sizeof(p));
        assert_true(utf8_is_valid(p, sizeof(p)));
        p[at] = 0xff;
        assert_false(utf8_is_valid(p, sizeof(p)));
    }
}

static const char text[] = "a\xc3\xa9z\xe2\x82\xac-\xf0\x9f\x98\x80!";

static void pieces_cut_from_text_are_text_and_make_it_up(void **state)
{
    for (size_t max = 4; max <= sizeof(text); max++) {
        size_t done = 0, len = strlen(text);
        while (done < len) {
            size_t n = utf8_cut(text + done, len - done, max);
            assert_true(n > 0 && n <= max);
            assert_true(utf8_is_valid(text + done, n));
            done += n;
        }
        assert_int_equal(done, len);
    }
}

static void cut_takes_as_much_as_it_may(void **state)
{
    size_t len = strlen(text);
    for (size_t max = 0; max <= len + 2; max++) {
        size_t expected = max < len ? max : len;
        while (!utf8_is_valid(text, expected))
            expected--;
        assert_int_equal(utf8_cut(text, len, max), expected);
    }
}

static void cut_goes_through_bytes_that_are_no_character(void **state)
{
    /* 0xe2 0x82 looks like a begin, but 'A' shows that it is none. */
    assert_int_equal(utf8_cut("\xe2\x82"
                              "A",
                              3, 2),
                     2);
    assert_int_equal(utf8_cut("\xff\xff\xff", 3, 2), 2);
    assert_int_equal(utf8_cut("\x80\x80\x80\x80", 4, 3), 3);
    /* Nothing shows it here. */
    assert_int_equal(utf8_cut("a\xe2\x82", 3, 3), 1);
    assert_int_equal(utf8_cut("a\xe2\x82", 3, 100), 1);
    assert_int_equal(utf8_cut("", 0, 5), 0);
}

static void a_stream_split_anywhere_loses_nothing(void **state)
{
    struct random r = {.state = 3};
    for (int round = 0; round < 2000; round++) {
        unsigned char held[64];
        size_t n_held = 0, done = 0, len = strlen(text), taken = 0;
        while (done < len) {
            size_t n = 1 + random_below(&r, len - done);
            memcpy(held + n_held, text + done, n);
            n_held += n;
            done += n;
            size_t whole = n_held - utf8_incomplete_tail(held, n_held);
            assert_true(utf8_is_valid(held, whole));
            assert_memory_equal(held, text + taken, whole);
            taken += whole;
            memmove(held, held + whole, n_held - whole);
            n_held -= whole;
        }
        assert_int_equal(taken, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_model_on_all_short_inputs),
        cmocka_unit_test(agrees_with_the_model_on_four_bytes_at_the_borders),
        cmocka_unit_test(finds_a_bad_byte_anywhere_in_long_text),
        cmocka_unit_test(pieces_cut_from_text_are_text_and_make_it_up),
        cmocka_unit_test(cut_takes_as_much_as_it_may),
        cmocka_unit_test(cut_goes_through_bytes_that_are_no_character),
        cmocka_unit_test(a_stream_split_anywhere_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
