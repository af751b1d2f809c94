#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/mcp/jsonrpc.h"

static struct jsonrpc_message look_at(const char *text)
{
    cJSON *tree = NULL;
    size_t error_at;

    if (json_parse(text, strlen(text), &tree, &error_at) != JSON_OK)
        fail_msg("not JSON: %s", text);
    return jsonrpc_read(tree, text, strlen(text));
}

struct shape {
    const char *text;
    enum jsonrpc_kind kind;
    const char *id; /* raw; NULL: none to echo */
};

static void tells_messages_apart(void **state)
{
    static const struct shape shapes[] = {
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\"}", JSONRPC_REQUEST, "1"},
        {"{\"id\":\"1\",\"jsonrpc\":\"2.0\",\"method\":\"m\",\"more\":[]}", JSONRPC_REQUEST,
         "\"1\""},
        {"{\"jsonrpc\":\"2.0\",\"id\":12345678901234567890,\"method\":\"m\"}", JSONRPC_REQUEST,
         "12345678901234567890"},
        {" { \"jsonrpc\" : \"2.0\" , \"id\" : -7 , \"method\" : \"m\" } ", JSONRPC_REQUEST, "-7"},
        {"{\"jsonrpc\":\"2.0\",\"id\":\"\\u00e9\",\"method\":\"m\"}", JSONRPC_REQUEST,
         "\"\\u00e9\""},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"m\"}", JSONRPC_NOTIFICATION, NULL},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", JSONRPC_RESPONSE, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":1}}", JSONRPC_RESPONSE, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":1}}", JSONRPC_RESPONSE, NULL},
        {"{\"jsonrpc\":\"2.0\",\"error\":{\"code\":1}}", JSONRPC_RESPONSE, NULL},
        /* none of these */
        {"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"m\"}", JSONRPC_INVALID, NULL},
        {"{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"m\"}", JSONRPC_INVALID, NULL},
        {"{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"m\"}", JSONRPC_INVALID, NULL},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", JSONRPC_INVALID, "1"},
        {"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"m\"}", JSONRPC_INVALID, "1"},
        {"{\"id\":1,\"method\":\"m\"}", JSONRPC_INVALID, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1}", JSONRPC_INVALID, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\",\"result\":{}}", JSONRPC_INVALID, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{},\"error\":{}}", JSONRPC_INVALID, "1"},
        {"{\"jsonrpc\":\"2.0\",\"result\":{}}", JSONRPC_INVALID, NULL},
        {"\"text\"", JSONRPC_INVALID, NULL},
        {"null", JSONRPC_INVALID, NULL},
        {"{}", JSONRPC_INVALID, NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        struct jsonrpc_message m = look_at(shapes[i].text);
        if (m.kind != shapes[i].kind)
            fail_msg("%s: kind %d", shapes[i].text, (int)m.kind);
        assert_int_equal(m.id.len, shapes[i].id ? strlen(shapes[i].id) : 0);
        if (shapes[i].id)
            assert_memory_equal(m.text + m.id.offset, shapes[i].id, m.id.len);
        jsonrpc_message_deinit(&m);
    }
}

static void finds_raw_tokens_in_params(void **state)
{
    struct jsonrpc_message m = look_at(
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\",\"params\":{\"a\":{\"t\":0},"
        "\"requestId\":98765432109876543210,\"_meta\":{\"x\":1,\"progressToken\":\"a\\nb\"}}}");
    char *id = jsonrpc_raw_param(&m, "requestId", NULL);
    char *token = jsonrpc_raw_param(&m, "_meta", "progressToken");

    assert_string_equal(id, "98765432109876543210");
    assert_string_equal(token, "\"a\\nb\"");
    assert_null(jsonrpc_raw_param(&m, "_meta", "absent"));
    assert_null(jsonrpc_raw_param(&m, "a", NULL));
    assert_null(jsonrpc_raw_param(&m, "absent", "t"));
    free(id);
    free(token);
    jsonrpc_message_deinit(&m);
}

static void assert_same_key(const char *a, const char *b, bool is_same)
{
    char *key_a = jsonrpc_id_key(a, strlen(a)), *key_b = jsonrpc_id_key(b, strlen(b));

    assert_int_equal(strcmp(key_a, key_b) == 0, is_same);
    free(key_a);
    free(key_b);
}

static void keys_of_ids_are_equal_for_equal_ids(void **state)
{
    assert_same_key("1", "1", true);
    assert_same_key("1", "\"1\"", false);
    assert_same_key("\"a\"", "\"\\u0061\"", true);
    assert_same_key("\"a\\/b\"", "\"a/b\"", true);
    assert_same_key("\"a\"", "\"b\"", false);
}

static void prints_answers_on_one_line(void **state)
{
    char *text = jsonrpc_result("\"7\"", "{}");
    assert_string_equal(text, "{\"jsonrpc\":\"2.0\",\"id\":\"7\",\"result\":{}}");
    free(text);

    text = jsonrpc_error(NULL, -32600, "line\nbreak and \"quote\"", NULL);
    assert_string_equal(text, "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600,\"message\":"
                              "\"line\\nbreak and \\\"quote\\\"\"}}");
    free(text);

    cJSON *data = cJSON_CreateObject();
    cJSON_AddStringToObject(data, "uri", "a");
    text = jsonrpc_error("1", -32002, "m", data);
    assert_string_equal(text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32002,"
                              "\"message\":\"m\",\"data\":{\"uri\":\"a\"}}}");
    free(text);

    text = jsonrpc_notification("notifications/x", cJSON_CreateObject());
    assert_string_equal(text, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\",\"params\":{}}");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_messages_apart),
        cmocka_unit_test(finds_raw_tokens_in_params),
        cmocka_unit_test(keys_of_ids_are_equal_for_equal_ids),
        cmocka_unit_test(prints_answers_on_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
