#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/mcp/header_codec.h"
#include "state/base/json.h"

struct decoding {
    const char *value;
    const char *text; /* NULL: refused … */
    int outcome;      /* … so */
};

static void decodes_what_clients_send(void **state)
{
    static const struct decoding cases[] = {
        {"plain", "plain", 0},
        {"", "", 0},
        {" \t padded\t ", "padded", 0},
        {"inner space\tand tab", "inner space\tand tab", 0},
        {"=?base64?SGVsbG8=?=", "Hello", 0},
        {"  =?base64?SGVsbG8=?= ", "Hello", 0},
        {"=?base64?"
         "?=",
         "", 0},
        {"=?base64?ZsO8cg==?=", "f\xc3\xbcr", 0},
        /* only the exact sentinel is one */
        {"=?BASE64?SGVsbG8=?=", "=?BASE64?SGVsbG8=?=", 0},
        {"=?base64?SGVsbG8=", "=?base64?SGVsbG8=", 0},
        {"=?base64?=", "=?base64?=", 0},
        {"x=?base64?SGVsbG8=?=", "x=?base64?SGVsbG8=?=", 0},
        /* characters */
        {"caf\xc3\xa9", NULL, HEADER_E_CHARACTER},
        {"del\x7f", NULL, HEADER_E_CHARACTER},
        {"bell\x07", NULL, HEADER_E_CHARACTER},
        /* Base64 that is not canonical */
        {"=?base64?SGVsbG8?=", NULL, HEADER_E_BASE64},
        {"=?base64?SGVsbG8==?=", NULL, HEADER_E_BASE64},
        {"=?base64?SGVs bG8=?=", NULL, HEADER_E_BASE64},
        {"=?base64?SGVsbG9=?=", NULL, HEADER_E_BASE64},
        {"=?base64?SGVsbG-_?=", NULL, HEADER_E_BASE64},
        {"=?base64?S===?=", NULL, HEADER_E_BASE64},
        {"=?base64?====?=", NULL, HEADER_E_BASE64},
        {"=?base64?SG=sbG8=?=", NULL, HEADER_E_BASE64},
        /* not text */
        {"=?base64?/w==?=", NULL, HEADER_E_UTF8},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *text = NULL;
        size_t len = 0;
        int outcome = header_decode(cases[i].value, &text, &len);
        if (outcome != cases[i].outcome)
            fail_msg("%s: outcome %d", cases[i].value, outcome);
        if (outcome == HEADER_OK) {
            assert_string_equal(text, cases[i].text);
            assert_int_equal(len, strlen(cases[i].text));
        }
        free(text);
    }
}

static void a_decoded_nul_matches_no_string(void **state)
{
    assert_true(header_is_string("=?base64?YQ==?=", "a"));
    assert_false(header_is_string("=?base64?YQBi?=", "a"));
    assert_false(header_is_string("A", "a"));
    assert_false(header_is_string("\x01", "\x01"));
}

struct comparison {
    const char *header, *json;
    bool is_equal;
};

static void compares_with_arguments_by_type(void **state)
{
    static const struct comparison cases[] = {
        {"text", "\"text\"", true},
        {"Text", "\"text\"", false},
        {"", "\"\"", true},
        {"42", "\"42\"", true},
        {"42", "42", true},
        {"42.0", "42", true},
        {"4.2e1", "42", true},
        {"43", "42", false},
        {"042", "42", false},
        {"0x2a", "42", false},
        {"", "42", false},
        {"-7", "-7", true},
        {"true", "true", true},
        {"True", "true", false},
        {"false", "false", true},
        {"1", "true", false},
        {"\"42\"", "42", false},
        {"null", "null", false},
        {"x", "[\"x\"]", false},
        {"=?base64?dGV4dA==?=", "\"text\"", true},
        {"=?base64?NDI=?=", "42", true},
        {"=?base64?!!!?=", "\"text\"", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cJSON *argument = NULL;
        size_t error_at;
        assert_int_equal(json_parse(cases[i].json, strlen(cases[i].json), &argument, &error_at), 0);
        if (header_is_json(cases[i].header, argument) != cases[i].is_equal)
            fail_msg("%s and %s", cases[i].header, cases[i].json);
        cJSON_Delete(argument);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_what_clients_send),
        cmocka_unit_test(a_decoded_nul_matches_no_string),
        cmocka_unit_test(compares_with_arguments_by_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
