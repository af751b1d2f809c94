/* Arguments by table: what is refused and in which words, and the schema that says the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "server/mcp/arguments.h"
#include "server/mcp/sandbox_config.h"
#include "server/mcp/start.h"
#include "server/mcp/text_shape.h"

static const struct config config = {.max_command_bytes = 1024,
                                     .timeout_ms = 300 * 1000,
                                     .max_timeout_ms = 3600 * 1000,
                                     .max_wait_ms = 300 * 1000,
                                     .max_reply_bytes = 1 << 20};

static char *check(const struct arg_set *set, const char *json)
{
    CLEANUP(json_deletep) cJSON *o = cJSON_Parse(json);
    assert_non_null(o);
    return arguments_check(set, &config, o);
}

static void each_wrong_argument_is_refused_in_words(void **state)
{
    static const char *const rows[][2] = {
        {"{\"comand\":\"x\"}", "unknown argument \"comand\": did you mean \"command\"?"},
        {"{\"timeout\":1}",
         "unknown argument \"timeout\": known are wait_for_completion, command, language, code, "
         "timeout_seconds, wait_seconds, interactive, pty, working_directory, environment, "
         "sandbox_config, idempotency_key, output"},
        {"{\"command\":5}", "command must be a string of 1 to 1023 bytes, not 5"},
        {"{\"command\":\"\"}",
         "command must be a string of 1 to 1023 bytes (the operator's limits.max_command), not "
         "\"\""},
        {"{\"timeout_seconds\":\"10\"}",
         "timeout_seconds must be a number above 0 and at most 3600 (the operator's "
         "limits.max_timeout), not \"10\""},
        {"{\"timeout_seconds\":0}",
         "timeout_seconds must be a number above 0 and at most 3600 (the operator's "
         "limits.max_timeout), not 0"},
        {"{\"timeout_seconds\":3600.5}",
         "timeout_seconds must be a number above 0 and at most 3600 (the operator's "
         "limits.max_timeout), not 3600.5"},
        {"{\"interactive\":\"yes\"}", "interactive must be true or false, not \"yes\""},
        {"{\"environment\":[\"A=1\"]}",
         "environment must be an object whose values are strings, not [\"A=1\"]"},
        {"{\"environment\":{\"A\":1}}",
         "environment must be an object whose values are strings, not {\"A\":1}"},
        {"{\"output\":{\"max_bytes\":2000000}}",
         "output.max_bytes must be an integer from 1 to 1048576 (the operator's limits.max_reply), "
         "not 2000000"},
        {"{\"output\":{\"max_bytes\":10.5}}",
         "output.max_bytes must be an integer from 1 to 1048576 (the operator's limits.max_reply), "
         "not 10.5"},
        {"{\"output\":{\"format\":\"xml\"}}",
         "output.format must be one of \"events\", \"text\", not \"xml\""},
        {"{\"output\":{\"tail\":3}}",
         "unknown argument \"output.tail\": known are output.format, output.max_bytes, "
         "output.head_lines, output.tail_lines, output.grep, output.context, output.strip_ansi, "
         "output.dedupe"},
        {"{\"output\":\"text\"}", "output must be an object, not \"text\""},
        {"{\"idempotency_key\":\"a b\"}",
         "idempotency_key must be 1 to 128 visible ASCII characters, not \"a b\""},
        {"{\"sandbox_config\":{\"resource_limits\":{\"max_memory_mb\":\"1\"}}}",
         "sandbox_config.resource_limits.max_memory_mb must be an integer from 1 to 1000000000, "
         "not \"1\""},
        {"{\"sandbox_config\":{\"resourceLimits\":{\"maxMemoryMB\":1}}}",
         "unknown argument \"sandbox_config.resource_limits.maxMemoryMB\": did you mean "
         "\"sandbox_config.resource_limits.maxMemoryMb\"?"},
        {"{\"sandbox_config\":{\"network\":{\"allowed_domains\":[1]}}}",
         "sandbox_config.network.allowed_domains must be an array of strings, not [1]"},
        {"{\"sandbox_config\":{\"network\":{\"allowed_domains\":[],\"allowedDomains\":[]}}}",
         "sandbox_config.network.allowed_domains is given twice, also as "
         "sandbox_config.network.allowedDomains: leave one out"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(free_p) char *error = check(&start_arguments, rows[i][0]);
        if (!error)
            fail_msg("%s was taken", rows[i][0]);
        assert_string_equal(error, rows[i][1]);
    }
}

static void a_long_value_is_not_repeated_whole(void **state)
{
    struct buf b = {0};
    buf_append_str(&b, "{\"command\":\"");
    for (int i = 0; i < 2000; i++)
        buf_append_char(&b, 'x');
    buf_append_str(&b, "\"}");
    CLEANUP(free_p) char *error = check(&start_arguments, b.data);
    assert_string_equal(error, "command must be a string of 1 to 1023 bytes (the operator's "
                               "limits.max_command), not 2000 bytes");
    buf_deinit(&b);
}

static void what_is_right_is_taken(void **state)
{
    static const char *const rows[] = {
        "{}",
        "{\"command\":\"true\"}",
        "{\"command\":\"true\",\"timeout_seconds\":0.5,\"interactive\":false}",
        "{\"command\":\"true\",\"timeout_seconds\":null,\"environment\":null,\"output\":null}",
        "{\"sandbox_config\":{\"resourceLimits\":{\"maxCpuSeconds\":3},\"network\":{}}}",
        "{\"output\":{\"format\":\"text\",\"max_bytes\":1048576,\"grep\":\"x\",\"context\":0}}",
        "{\"environment\":{}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_null(check(&start_arguments, rows[i]));
}

static void an_argument_that_is_required_must_be_there(void **state)
{
    static const struct arg rows[] = {{.name = "id",
                                       .type = ARG_STRING,
                                       .flags = ARG_REQUIRED,
                                       .min = 1,
                                       .description = "Which one."}};
    static const struct arg_set set = {.args = rows, .n = ARRAY_LEN(rows)};
    static const char *const rows_wrong[][2] = {
        {"{}", "id is required: Which one."},
        {"{\"id\":null}", "id is required: Which one."},
        {"{\"id\":\"\"}", "id must be a string that is not empty, not \"\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows_wrong); i++) {
        CLEANUP(free_p) char *error = check(&set, rows_wrong[i][0]);
        assert_string_equal(error, rows_wrong[i][1]);
    }
    assert_null(check(&set, "{\"id\":\"x\"}"));
}

static void async_knows_no_wait_for_completion(void **state)
{
    CLEANUP(free_p) char *error = check(&start_async_arguments, "{\"wait_for_completion\":true}");
    assert_non_null(error);
    assert_null(check(&start_async_arguments, "{\"command\":\"x\",\"wait_seconds\":1}"));
}

static void names_are_found_in_either_spelling(void **state)
{
    CLEANUP(json_deletep) cJSON *snake = cJSON_Parse("{\"resource_limits\":{}}");
    CLEANUP(json_deletep) cJSON *camel = cJSON_Parse("{\"resourceLimits\":{}}");
    CLEANUP(json_deletep) cJSON *null = cJSON_Parse("{\"resource_limits\":null}");
    char name[ARG_NAME_MAX];
    assert_non_null(arguments_get(&sandbox_arguments, snake, "resource_limits"));
    assert_non_null(arguments_get(&sandbox_arguments, camel, "resource_limits"));
    assert_null(arguments_get(&sandbox_arguments, null, "resource_limits"));
    assert_null(arguments_get(&shape_arguments, camel, "resource_limits"));
    assert_true(arg_camel_case("max_memory_mb", name));
    assert_string_equal(name, "maxMemoryMb");
    assert_false(arg_camel_case("network", name));
}

static void the_schema_says_what_the_check_holds_to(void **state)
{
    CLEANUP(json_deletep) cJSON *s = arguments_schema(&shape_arguments, &config);
    CLEANUP(json_deletep)
    cJSON *expected = cJSON_Parse(
        "{\"type\":\"integer\",\"description\":\"Most to return; says what is left out and how to "
        "get it.\",\"minimum\":1,\"maximum\":1048576,\"default\":65536}");
    const cJSON *max = json_get(json_get(s, "properties"), "max_bytes");
    assert_true(cJSON_Compare(max, expected, true));
    assert_true(cJSON_IsFalse(json_get(s, "additionalProperties")));
    assert_null(json_get(s, "required"));
    assert_int_equal(cJSON_GetArraySize(json_get(s, "properties")), shape_arguments.n);
    const cJSON *format = json_get(json_get(s, "properties"), "format");
    assert_int_equal(cJSON_GetArraySize(json_get(format, "enum")), 2);
}

/* What a client library would check before it sends: our own defaults pass. */
static void defaults_are_right_themselves(void **state)
{
    CLEANUP(json_deletep) cJSON *schema = arguments_schema(&start_arguments, &config);
    for (size_t i = 0; i < start_arguments.n; i++) {
        const struct arg *a = &start_arguments.args[i];
        const cJSON *value = json_get(json_get(json_get(schema, "properties"), a->name), "default");
        assert_int_equal(value != NULL, a->default_json || a->default_of);
        if (!value)
            continue;
        CLEANUP(json_deletep) cJSON *o = cJSON_CreateObject();
        cJSON_AddItemToObject(o, a->name, cJSON_Duplicate(value, true));
        CLEANUP(free_p) char *error = arguments_check(&start_arguments, &config, o);
        if (error)
            fail_msg("%s", error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_wrong_argument_is_refused_in_words),
        cmocka_unit_test(a_long_value_is_not_repeated_whole),
        cmocka_unit_test(what_is_right_is_taken),
        cmocka_unit_test(an_argument_that_is_required_must_be_there),
        cmocka_unit_test(async_knows_no_wait_for_completion),
        cmocka_unit_test(names_are_found_in_either_spelling),
        cmocka_unit_test(the_schema_says_what_the_check_holds_to),
        cmocka_unit_test(defaults_are_right_themselves),
    };
    return cmocka_run_group_tests_name("arguments", tests, NULL, NULL);
}
