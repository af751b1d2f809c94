/* Sizes, durations, numbers and switches as an operator writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/nearest.h"
#include "config/quote.h"
#include "config/units.h"
#include "config/wrap.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

struct unit_case {
    const char *text;
    enum units_result result;
    uint64_t value;
};

typedef enum units_result parse(const char *text, uint64_t *ret);

static void check_cases(parse *fn, const struct unit_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t value = 4711; /* stays when nothing is written */
        enum units_result r = fn(cases[i].text, &value);
        uint64_t wanted = r == UNITS_OK ? cases[i].value : 4711;
        if (r != cases[i].result || value != wanted)
            fail_msg("\"%s\": result %d, value %llu", cases[i].text, (int)r,
                     (unsigned long long)value);
    }
}

static void reads_sizes(void **state)
{
    static const struct unit_case cases[] = {
        {"0", UNITS_OK, 0},
        {"4096", UNITS_OK, 4096},
        {"1B", UNITS_OK, 1},
        {"64KiB", UNITS_OK, 65536},
        {"10MB", UNITS_OK, 10000000},
        {"3kB", UNITS_OK, 3000},
        {"3KB", UNITS_OK, 3000},
        {"1MiB", UNITS_OK, 1048576},
        {"1GiB", UNITS_OK, 1073741824},
        {"2GB", UNITS_OK, 2000000000},
        {"1TiB", UNITS_OK, 1099511627776},
        {"1TB", UNITS_OK, 1000000000000},
        {"18446744073709551615", UNITS_OK, UINT64_MAX},
        {"18446744073709551616", UNITS_E_RANGE, 0},
        {"16777215TiB", UNITS_OK, 16777215ull << 40},
        {"16777216TiB", UNITS_E_RANGE, 0},
        {"99999999999999999999999999MiB", UNITS_E_RANGE, 0},
        {"99999999999999999999999999X", UNITS_E_SYNTAX, 0},
        {"", UNITS_E_SYNTAX, 0},
        {"64X", UNITS_E_SYNTAX, 0},
        {"64K", UNITS_E_SYNTAX, 0},
        {"64kib", UNITS_E_SYNTAX, 0},
        {"64 KiB", UNITS_E_SYNTAX, 0},
        {" 64KiB", UNITS_E_SYNTAX, 0},
        {"64KiB ", UNITS_E_SYNTAX, 0},
        {"KiB", UNITS_E_SYNTAX, 0},
        {"-1", UNITS_E_SYNTAX, 0},
        {"+1", UNITS_E_SYNTAX, 0},
        {"1.5GiB", UNITS_E_SYNTAX, 0},
        {"0x10", UNITS_E_SYNTAX, 0},
        {"010", UNITS_E_SYNTAX, 0},
        {"1e3", UNITS_E_SYNTAX, 0},
        {"5s", UNITS_E_SYNTAX, 0},
    };
    check_cases(units_parse_size, cases, ARRAY_LEN(cases));
}

static void reads_durations_and_takes_a_plain_number_for_seconds(void **state)
{
    static const struct unit_case cases[] = {
        {"300", UNITS_OK, 300000},
        {"0", UNITS_OK, 0},
        {"500ms", UNITS_OK, 500},
        {"10s", UNITS_OK, 10000},
        {"5m", UNITS_OK, 300000},
        {"1h", UNITS_OK, 3600000},
        {"7d", UNITS_OK, 604800000},
        {"18446744073709551s", UNITS_OK, 18446744073709551000ull},
        {"18446744073709552", UNITS_E_RANGE, 0},
        {"213503982335d", UNITS_E_RANGE, 0},
        {"18446744073709551616ms", UNITS_E_RANGE, 0},
        {"", UNITS_E_SYNTAX, 0},
        {"s", UNITS_E_SYNTAX, 0},
        {"10 s", UNITS_E_SYNTAX, 0},
        {"10S", UNITS_E_SYNTAX, 0},
        {"1m30s", UNITS_E_SYNTAX, 0},
        {"0.5s", UNITS_E_SYNTAX, 0},
        {"-1s", UNITS_E_SYNTAX, 0},
        {"1w", UNITS_E_SYNTAX, 0},
        {"05", UNITS_E_SYNTAX, 0},
        {"64KiB", UNITS_E_SYNTAX, 0},
    };
    check_cases(units_parse_duration, cases, ARRAY_LEN(cases));
}

static void reads_numbers(void **state)
{
    static const struct unit_case cases[] = {
        {"0", UNITS_OK, 0},        {"65535", UNITS_OK, 65535},
        {"", UNITS_E_SYNTAX, 0},   {"-0", UNITS_E_SYNTAX, 0},
        {"1 ", UNITS_E_SYNTAX, 0}, {"1B", UNITS_E_SYNTAX, 0},
        {"00", UNITS_E_SYNTAX, 0}, {"18446744073709551616", UNITS_E_RANGE, 0},
        {"１", UNITS_E_SYNTAX, 0},
    };
    check_cases(units_parse_unsigned, cases, ARRAY_LEN(cases));
}

static void reads_switches(void **state)
{
    static const struct {
        const char *text;
        enum units_result result;
        bool value;
    } cases[] = {
        {"true", UNITS_OK, true},       {"false", UNITS_OK, false},
        {"Yes", UNITS_OK, true},        {"NO", UNITS_OK, false},
        {"on", UNITS_OK, true},         {"off", UNITS_OK, false},
        {"1", UNITS_OK, true},          {"0", UNITS_OK, false},
        {"", UNITS_E_SYNTAX, false},    {"2", UNITS_E_SYNTAX, false},
        {"tru", UNITS_E_SYNTAX, false}, {"true ", UNITS_E_SYNTAX, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool value = false;
        enum units_result r = units_parse_bool(cases[i].text, &value);
        if (r != cases[i].result || value != cases[i].value)
            fail_msg("\"%s\": result %d, value %d", cases[i].text, (int)r, value);
    }
}

static void writes_the_shortest_text_that_reads_back(void **state)
{
    static const struct {
        uint64_t value;
        const char *size, *duration;
    } cases[] = {
        {0, "0", "0"},
        {1, "1", "1ms"},
        {1000, "1kB", "1s"},
        {1024, "1KiB", "1024ms"},
        {1048576, "1MiB", "1048576ms"},
        {10000000, "10MB", "10000s"},
        {90000, "90kB", "90s"},
        {86400000, "84375KiB", "1d"},
        {UINT64_MAX, "18446744073709551615", "18446744073709551615ms"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[UNITS_TEXT_MAX];
        units_format_size(cases[i].value, text);
        assert_string_equal(text, cases[i].size);
        units_format_duration(cases[i].value, text);
        assert_string_equal(text, cases[i].duration);
    }
}

static void what_it_writes_reads_back(void **state)
{
    uint64_t value = 1;
    for (int i = 0; i < 20000; i++) {
        uint64_t size = 0, duration = 0;
        char text[UNITS_TEXT_MAX];
        value = value * 6364136223846793005u + 1442695040888963407u;
        uint64_t sample = (value >> (i % 64)) * (i % 3 == 0 ? 1000 : 1);
        units_format_size(sample, text);
        assert_int_equal(units_parse_size(text, &size), UNITS_OK);
        assert_true(size == sample);
        units_format_duration(sample, text);
        assert_int_equal(units_parse_duration(text, &duration), UNITS_OK);
        assert_true(duration == sample);
    }
}

static void finds_the_nearest_word(void **state)
{
    struct nearest n = {0};
    assert_int_equal(nearest_distance("", ""), 0);
    assert_int_equal(nearest_distance("", "abc"), 3);
    assert_int_equal(nearest_distance("kitten", "sitting"), 3);
    assert_int_equal(nearest_distance("abc", "acb"), 2);
    assert_false(nearest_offer(&n, "prot", "heartbeat"));
    assert_null(n.word);
    assert_true(nearest_offer(&n, "prot", "port"));
    assert_false(nearest_offer(&n, "prot", "proxy"));
    assert_string_equal(n.word, "port");
}

static void a_word_beyond_all_measure_has_no_neighbour(void **state)
{
    char word[200];
    struct nearest n = {0};
    memset(word, 'a', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    assert_int_equal(nearest_distance(word, word), NEAREST_MAX_LEN);
    assert_false(nearest_offer(&n, word, "a"));
    assert_false(nearest_offer(&n, "a", word));
}

static char *quoted(const char *text, size_t max)
{
    char *shown = NULL;
    size_t len = 0;
    FILE *f = mem_stream(&shown, &len);
    if (max > 0)
        quote_show(f, text, max);
    else
        quote_write(f, text);
    assert_int_equal(fclose(f), 0);
    return shown;
}

static void quotes_what_would_read_back_as_something_else(void **state)
{
    static const char *const cases[][2] = {
        {"127.0.0.1", "127.0.0.1"},
        {"/bin/sh", "/bin/sh"},
        {"-c", "-c"},
        {"", "\"\""},
        {"-", "\"-\""},
        {"null", "\"null\""},
        {"True", "\"True\""},
        {"{code}", "\"{code}\""},
        {"a: b", "\"a: b\""},
        {"a #b", "\"a #b\""},
        {"*a", "\"*a\""},
        {"\"", "\"\\\"\""},
        {"\\", "\"\\\\\""},
        {"a\nb\tc\x01", "\"a\\nb\\tc\\x01\""},
        {"straße", "\"straße\""},
        {"\xc2\x85", "\"\\x85\""},
        {"\xe2\x80\xa8", "\"\\u2028\""},
        {"\xf0\x9f\x90\x9a", "\"\xf0\x9f\x90\x9a\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(mem_free_p) char *text = quoted(cases[i][0], 0);
        assert_string_equal(text, cases[i][1]);
    }
}

static void shows_a_long_or_broken_value_on_one_short_line(void **state)
{
    CLEANUP(mem_free_p) char *cut = quoted("abcdéf", 5); /* would end inside the é */
    assert_string_equal(cut, "\"abcd\"…");
    CLEANUP(mem_free_p) char *broken = quoted("a\xff\nb", 60);
    assert_string_equal(broken, "\"a\\xFF\\nb\"");
}

static void tells_utf8_from_what_is_none(void **state)
{
    static const struct {
        const char *text;
        enum quote_check result;
    } cases[] = {
        {"", QUOTE_OK},
        {"plain", QUOTE_OK},
        {"stra\xc3\x9f"
         "e",
         QUOTE_OK},
        {"\xf4\x8f\xbf\xbf", QUOTE_OK},
        {"a\nb", QUOTE_E_CONTROL},
        {"\x7f", QUOTE_E_CONTROL},
        {"\xc2\x85", QUOTE_E_CONTROL},
        {"\x80", QUOTE_E_UTF8},
        {"\xc0\xaf", QUOTE_E_UTF8},         /* overlong */
        {"\xe0\x80\xaf", QUOTE_E_UTF8},     /* overlong */
        {"\xf0\x80\x80\xaf", QUOTE_E_UTF8}, /* overlong */
        {"\xed\xa0\x80", QUOTE_E_UTF8},     /* a surrogate */
        {"\xf4\x90\x80\x80", QUOTE_E_UTF8}, /* beyond U+10FFFF */
        {"\xf5\x80\x80\x80", QUOTE_E_UTF8},
        {"\xe2\x82", QUOTE_E_UTF8}, /* cut */
        {"a\n\xff", QUOTE_E_UTF8},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(quote_check(cases[i].text), cases[i].result);
}

static void wraps_words_below_the_width_of_a_terminal(void **state)
{
    CLEANUP(mem_free_p) char *text = NULL;
    size_t len = 0;
    FILE *f = mem_stream(&text, &len);
    wrap_write(f, "# ",
               "1234567890 1234567890 1234567890 1234567890 1234567890 1234567890 "
               "1234567890 12345678901234567890");
    wrap_write(f, "", "");
    assert_int_equal(fclose(f), 0);
    assert_string_equal(text, "# 1234567890 1234567890 1234567890 1234567890 1234567890 1234567890 "
                              "1234567890\n# 12345678901234567890\n\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_sizes),
        cmocka_unit_test(reads_durations_and_takes_a_plain_number_for_seconds),
        cmocka_unit_test(reads_numbers),
        cmocka_unit_test(reads_switches),
        cmocka_unit_test(writes_the_shortest_text_that_reads_back),
        cmocka_unit_test(what_it_writes_reads_back),
        cmocka_unit_test(finds_the_nearest_word),
        cmocka_unit_test(a_word_beyond_all_measure_has_no_neighbour),
        cmocka_unit_test(quotes_what_would_read_back_as_something_else),
        cmocka_unit_test(shows_a_long_or_broken_value_on_one_short_line),
        cmocka_unit_test(tells_utf8_from_what_is_none),
        cmocka_unit_test(wraps_words_below_the_width_of_a_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
