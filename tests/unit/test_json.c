#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "state/base/buf.h"
#include "state/base/clock.h"
#include "state/base/json.h"

#define TEXT(s) s, sizeof(s) - 1

static const struct {
    const char *text;
    size_t len;
    enum json_error error;
    size_t at;
} cases[] = {
    {TEXT("null"), JSON_OK, 0},
    {TEXT(" \t\r\n{ } \n"), JSON_OK, 0},
    {TEXT("[[],{},[{}]]"), JSON_OK, 0},
    {TEXT("-0.5e-3"), JSON_OK, 0},
    {TEXT("[0,-0,10,1E5,1e+5,123456789012345678901234567890]"), JSON_OK, 0},
    {TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\""), JSON_OK, 0},
    {TEXT("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x7f\""), JSON_OK, 0},
    {TEXT("{\"a\":{\"a\":[{\"a\":1},{\"a\":1}]},\"A\":2,\"\":3}"), JSON_OK, 0},

    {TEXT(""), JSON_E_SYNTAX, 0},
    {TEXT("  "), JSON_E_SYNTAX, 2},
    {TEXT("{}x"), JSON_E_SYNTAX, 2},
    {TEXT("1 2"), JSON_E_SYNTAX, 2},
    {TEXT("[1,]"), JSON_E_SYNTAX, 3},
    {TEXT("[,1]"), JSON_E_SYNTAX, 1},
    {TEXT("[1"), JSON_E_SYNTAX, 2},
    {TEXT("[1}"), JSON_E_SYNTAX, 2},
    {TEXT("]"), JSON_E_SYNTAX, 0},
    {TEXT("{\"a\":1]"), JSON_E_SYNTAX, 6},
    {TEXT("{\"a\":1,}"), JSON_E_SYNTAX, 7},
    {TEXT("{\"a\"}"), JSON_E_SYNTAX, 4},
    {TEXT("{\"a\":}"), JSON_E_SYNTAX, 5},
    {TEXT("{1:2}"), JSON_E_SYNTAX, 1},
    {TEXT("{"), JSON_E_SYNTAX, 1},
    {TEXT("01"), JSON_E_SYNTAX, 1},
    {TEXT("-"), JSON_E_SYNTAX, 1},
    {TEXT("+1"), JSON_E_SYNTAX, 0},
    {TEXT(".5"), JSON_E_SYNTAX, 0},
    {TEXT("1."), JSON_E_SYNTAX, 2},
    {TEXT("1e"), JSON_E_SYNTAX, 2},
    {TEXT("1e+"), JSON_E_SYNTAX, 3},
    {TEXT("NaN"), JSON_E_SYNTAX, 0},
    {TEXT("nul"), JSON_E_SYNTAX, 0},
    {TEXT("True"), JSON_E_SYNTAX, 0},
    {TEXT("\"a"), JSON_E_SYNTAX, 2},
    {TEXT("\"a\nb\""), JSON_E_SYNTAX, 2},
    {TEXT("\"a\0b\""), JSON_E_SYNTAX, 2},
    {TEXT("\"\\x\""), JSON_E_SYNTAX, 1},
    {TEXT("\"\\\0\""), JSON_E_SYNTAX, 1},
    {TEXT("\"\\u12\""), JSON_E_SYNTAX, 1},
    {TEXT("\"\\u12g4\""), JSON_E_SYNTAX, 1},
    {TEXT("\"\\"), JSON_E_SYNTAX, 1},
    {TEXT("null\0"), JSON_E_SYNTAX, 4},
    {TEXT("\xef\xbb\xbf{}"), JSON_E_SYNTAX, 0},
    {TEXT("[1/**/]"), JSON_E_SYNTAX, 2},

    {TEXT("[\"\xff\"]"), JSON_E_UTF8, 1},
    {TEXT("\"\xc0\x80\""), JSON_E_UTF8, 0},
    {TEXT("\"\xed\xa0\x80\""), JSON_E_UTF8, 0},
    {TEXT("\"a\xe2\x82\""), JSON_E_UTF8, 0},
    {TEXT("{\"\xff\":1}"), JSON_E_UTF8, 1},
    {TEXT("\"a\\ud800\""), JSON_E_UTF8, 2},
    {TEXT("\"\\udc00\\ud800\""), JSON_E_UTF8, 1},
    {TEXT("\"\\ud800\\ud800\""), JSON_E_UTF8, 1},
    {TEXT("\"\\ud800\\n\""), JSON_E_UTF8, 1},
    {TEXT("\"\\udc00\\udc00\""), JSON_E_UTF8, 1},

    {TEXT("\"a\\u0000b\""), JSON_E_NUL, 2},
    {TEXT("{\"\\u0000\":1}"), JSON_E_NUL, 2},

    {TEXT("{\"a\":1,\"b\":2,\"a\":3}"), JSON_E_DUPLICATE, 13},
    {TEXT("{\"id\":1,\"\\u0069\\u0064\":2}"), JSON_E_DUPLICATE, 8},
    {TEXT("{\"\\u00e9\":1,\"\xc3\xa9\":2}"), JSON_E_DUPLICATE, 12},
    {TEXT("{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}"), JSON_E_DUPLICATE, 18},
    {TEXT("{\"\\/\":1,\"/\":2}"), JSON_E_DUPLICATE, 8},
    {TEXT("[{\"x\":{\"\":1,\"\":1}}]"), JSON_E_DUPLICATE, 12},
    {TEXT("{\"a\":{\"b\":1},\"a\":{}}"), JSON_E_DUPLICATE, 13},
};

static void takes_what_rfc_8259_takes_and_says_where_it_refuses(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cJSON *v = NULL;
        size_t at = SIZE_MAX;
        enum json_error e = json_parse(cases[i].text, cases[i].len, &v, &at);
        if (e != cases[i].error || (e && at != cases[i].at) || !v != !!e)
            fail_msg("%s: %s at %zu", cases[i].text, json_error_name(e), at);
        json_deletep(&v);
        assert_null(v);
    }
}

/* Each prefix of a text, in a block of its own so that a sanitizer sees a step beyond it. */
static void stops_at_the_end_of_every_prefix(void **state)
{
    static const char text[] =
        "{\"a\\u00e9\\ud83d\\ude00\":[1.5e+3,true,false,null,\"\xe2\x82\xac\"]}";
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        char *copy = xcalloc(1, len ? len : 1);
        cJSON *v = NULL;
        size_t at;
        memcpy(copy, text, len);
        assert_int_not_equal(json_parse(copy, len, &v, &at), JSON_OK);
        assert_true(at <= len);
        free(copy);
    }
}

static enum json_error parse_nested(unsigned depth)
{
    struct buf b = {0};
    cJSON *v = NULL;
    size_t at;
    for (unsigned i = 0; i < depth; i++)
        buf_append_str(&b, i % 2 ? "[" : "{\"a\":");
    buf_append_str(&b, "1");
    for (unsigned i = depth; i-- > 0;)
        buf_append_str(&b, i % 2 ? "]" : "}");
    enum json_error e = json_parse(b.data, b.len, &v, &at);
    json_deletep(&v);
    buf_deinit(&b);
    return e;
}

static void nests_to_the_limit_and_no_deeper(void **state)
{
    assert_int_equal(parse_nested(JSON_DEPTH_MAX), JSON_OK);
    assert_int_equal(parse_nested(JSON_DEPTH_MAX + 1), JSON_E_DEPTH);
    assert_int_equal(parse_nested(1000000), JSON_E_DEPTH);
}

/* cJSON 1.7.15 reads at most 63 bytes of a number, then takes the rest for garbage. */
static void a_number_is_as_long_as_cjson_reads(void **state)
{
    char text[65];
    cJSON *v = NULL;
    size_t at;
    memset(text, '1', sizeof(text));
    assert_int_equal(json_parse(text, 63, &v, &at), JSON_OK);
    json_deletep(&v);
    assert_int_equal(json_parse(text, 64, &v, &at), JSON_E_SYNTAX);
}

/* Comparing each key with each would take minutes. */
static void very_many_keys_are_no_burden(void **state)
{
    struct buf b = {0};
    cJSON *v = NULL;
    size_t at;
    uint64_t before = clock_mono_ms();
    for (unsigned i = 0; i < 400000; i++)
        buf_printf(&b, "%c\"%s%u\":1", i ? ',' : '{', i % 2 ? "\\u0061" : "a", i);
    buf_append_str(&b, "}");
    assert_int_equal(json_parse(b.data, b.len, &v, &at), JSON_OK);
    json_deletep(&v);
    b.len--;
    buf_append_str(&b, ",\"a1\":1}");
    assert_int_equal(json_parse(b.data, b.len, &v, &at), JSON_E_DUPLICATE);
    assert_int_equal(at, b.len - strlen("\"a1\":1}"));
    assert_true(clock_mono_ms() - before < 20000);
    buf_deinit(&b);
}

static void decodes_strings(void **state)
{
    cJSON *v = NULL;
    const char *s = NULL;
    size_t at;
    static const char text[] =
        "{\"\\u00e9\\\"\":\"\\b\\f\\n\\r\\t\\/\\\\\\u20ac\\ud83d\\ude00\\u007f\"}";
    assert_int_equal(json_parse(TEXT(text), &v, &at), JSON_OK);
    assert_true(json_get_str(v, "\xc3\xa9\"", &s));
    assert_string_equal(s, "\b\f\n\r\t/\\\xe2\x82\xac\xf0\x9f\x98\x80\x7f");
    json_deletep(&v);
}

static void assert_span(const char *text, const char *key, const char *token)
{
    struct json_span span = json_top_member(text, strlen(text), key);
    if (span.len != strlen(token) || memcmp(text + span.offset, token, span.len) != 0)
        fail_msg("%s in %s: %.*s", key, text, (int)span.len, text + span.offset);
}

static void finds_the_raw_token_of_a_top_level_member(void **state)
{
    assert_span("{\"id\":9007199254740993}", "id", "9007199254740993");
    assert_span(" { \"a\" : { \"id\" : 1 } , \"id\" : \"x\\\"}\" } ", "id", "\"x\\\"}\"");
    assert_span("{\"a\":[\"id\",{\"id\":2}],\"id\":3.0e5 }", "id", "3.0e5");
    assert_span("{\"\\u0069d\":null}", "id", "null");
    assert_span("{\"id\":{\"a\":[1,{}]},\"b\":1}", "id", "{\"a\":[1,{}]}");
    assert_span("{\"a\":\"\\\\\",\"id\":[]\n}", "id", "[]");
    assert_span("{\"idx\":1,\"i\":2,\"ID\":3}", "id", "");
    assert_span("{}", "id", "");
    assert_span("[{\"id\":1}]", "id", "");
    assert_span("\"id\"", "id", "");
    assert_span("{\"\":-1}", "", "-1");
}

static void getters_look_at_case_and_type(void **state)
{
    static const char text[] = "{\"s\":\"x\",\"S\":\"y\",\"t\":true,\"f\":false,\"n\":null,\"i\":5,"
                               "\"neg\":-5,\"h\":1.5,\"big\":9007199254740992,"
                               "\"bigger\":9007199254740994,\"inf\":1e999,\"a\":[1]}";
    static const char *const not_u64[] = {"s", "t", "n", "neg", "h", "bigger", "inf", "a", "none"};
    cJSON *v = NULL;
    const char *s = "unchanged";
    bool b = true;
    uint64_t u = 77;
    int64_t i = 77;
    double d = 77;
    size_t at;
    assert_int_equal(json_parse(TEXT(text), &v, &at), JSON_OK);

    assert_true(json_get_str(v, "S", &s));
    assert_string_equal(s, "y");
    assert_false(json_get_str(v, "i", &s));
    assert_false(json_get_str(v, "n", &s));
    assert_false(json_get_str(v, "none", &s));
    assert_string_equal(s, "y");
    assert_true(json_get_bool(v, "f", &b));
    assert_false(b);
    assert_false(json_get_bool(v, "i", &b));
    for (size_t k = 0; k < ARRAY_LEN(not_u64); k++)
        assert_false(json_get_u64(v, not_u64[k], &u));
    assert_int_equal(u, 77);
    assert_true(json_get_u64(v, "big", &u));
    assert_int_equal(u, UINT64_C(1) << 53);
    assert_true(json_get_i64(v, "neg", &i));
    assert_int_equal(i, -5);
    assert_false(json_get_i64(v, "h", &i));
    assert_true(json_get_number(v, "h", &d));
    assert_true(d > 1.49 && d < 1.51);
    assert_false(json_get_number(v, "inf", &d));
    assert_true(cJSON_IsNull(json_get(v, "n")));
    assert_null(json_get(v, "N"));
    assert_null(json_get(json_get(v, "a"), "s"));
    assert_null(json_get(NULL, "s"));
    json_deletep(&v);
}

static void prints_without_blanks(void **state)
{
    cJSON *v = NULL;
    size_t at;
    assert_int_equal(json_parse(TEXT("{ \"a\" : [ 1 , \"\\n\" ] }"), &v, &at), JSON_OK);
    char *text = json_print(v);
    assert_string_equal(text, "{\"a\":[1,\"\\n\"]}");
    free(text);
    json_deletep(&v);
}

static void assert_text(struct buf *b, const char *text)
{
    assert_string_equal(b->data, text);
    buf_deinit(b);
}

static void writes_text_member_by_member(void **state)
{
    struct buf b = {0};
    buf_append_char(&b, '{');
    json_text_member_str(&b, "none", NULL);
    json_text_member_str(&b, "s", "a{");
    json_text_member_u64(&b, "u", UINT64_MAX);
    json_text_member_i64(&b, "i", INT64_MIN);
    json_text_member_bool(&b, "b", false);
    json_text_key(&b, "l");
    buf_append_char(&b, '[');
    json_text_str(&b, "[", 1);
    json_text_str(&b, "", 0);
    buf_append_str(&b, "]}");
    assert_text(&b, "{\"s\":\"a{\",\"u\":18446744073709551615,\"i\":-9223372036854775808,"
                    "\"b\":false,\"l\":[\"[\",\"\"]}");
}

static void written_text_escapes_what_must_be_and_repairs_utf8(void **state)
{
    struct buf b = {0};
    json_text_str(&b, TEXT("\"\\/\b\f\n\r\t\x01\x1f\x7f\xc3\xa9"));
    assert_text(&b, "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa9\"");
    json_text_str(&b, TEXT("\xff\"\xc3\xa9\xe2\x82z\xf0\x9f\x98"));
    assert_text(&b, "\"\xef\xbf\xbd\\\"\xc3\xa9\xef\xbf\xbd\xef\xbf\xbdz"
                    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    json_text_str(&b, TEXT("a\0b"));
    assert_text(&b, "\"a\\u0000b\"");
}

struct two {
    uint64_t one, other;
};
static const struct json_u64_field two_fields[] = {
    JSON_U64_FIELD(struct two, one),
    JSON_U64_FIELD(struct two, other),
};

/* Text is looked at eight bytes at once: each byte at each place, and each neighbour. */
static void written_text_escapes_each_byte_at_each_place(void **state)
{
    for (unsigned c = 0; c < 0x80; c++) {
        for (size_t at = 0; at < 17; at++) {
            CLEANUP(buf_deinit) struct buf b = {0};
            CLEANUP(json_deletep) cJSON *o = NULL;
            size_t error_at;
            char text[17], longest[2 + 17 + 5];
            memset(text, 'a' + (int)(at % 3), sizeof(text));
            text[at] = (char)c;
            if (at > 0)
                text[at - 1] = '\xc3', text[at] = '\xa9'; /* high bits beside what is looked for */
            if (at > 1)
                text[at - 2] = (char)c;
            json_text_str(&b, text, sizeof(text));
            bool is_escaped = c < 0x20 || c == '"' || c == '\\';
            if (is_escaped)
                assert_true(b.len > sizeof(text) + 2 || at == 1);
            else
                assert_int_equal(b.len, sizeof(text) + 2);
            assert_true(b.len <= sizeof(longest));
            if (c == 0)
                continue; /* cJSON keeps strings as C does */
            assert_int_equal(json_parse(b.data, b.len, &o, &error_at), JSON_OK);
            assert_memory_equal(o->valuestring, text, sizeof(text));
        }
    }
}

static void numbers_of_a_struct_come_back_and_none_may_be_missing(void **state)
{
    struct two in = {.one = 7, .other = UINT64_MAX}, out = {0};
    struct buf b = {0};
    cJSON *v = NULL;
    size_t at;
    buf_append_char(&b, '{');
    json_text_members_u64(&b, two_fields, ARRAY_LEN(two_fields), &in);
    buf_append_char(&b, '}');
    assert_int_equal(json_parse(b.data, b.len, &v, &at), JSON_OK);
    assert_true(json_get_u64_fields(v, two_fields, ARRAY_LEN(two_fields), &out));
    assert_int_equal(out.one, 7);
    assert_int_equal(out.other, JSON_INTEGER_MAX);
    cJSON_DeleteItemFromObjectCaseSensitive(v, "other");
    assert_false(json_get_u64_fields(v, two_fields, ARRAY_LEN(two_fields), &out));
    json_deletep(&v);
    buf_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_rfc_8259_takes_and_says_where_it_refuses),
        cmocka_unit_test(stops_at_the_end_of_every_prefix),
        cmocka_unit_test(nests_to_the_limit_and_no_deeper),
        cmocka_unit_test(a_number_is_as_long_as_cjson_reads),
        cmocka_unit_test(very_many_keys_are_no_burden),
        cmocka_unit_test(decodes_strings),
        cmocka_unit_test(finds_the_raw_token_of_a_top_level_member),
        cmocka_unit_test(getters_look_at_case_and_type),
        cmocka_unit_test(prints_without_blanks),
        cmocka_unit_test(writes_text_member_by_member),
        cmocka_unit_test(written_text_escapes_what_must_be_and_repairs_utf8),
        cmocka_unit_test(written_text_escapes_each_byte_at_each_place),
        cmocka_unit_test(numbers_of_a_struct_come_back_and_none_may_be_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
