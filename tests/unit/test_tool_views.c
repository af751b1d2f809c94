/* What clients can look at: the tools' own descriptions, status, lists, resources, prompts, events.
 */
#include <stdio.h>

#include "tests/unit/pack_fixture.h"

static const struct execution_exit killed = {.reason = REASON_TIMEOUT,
                                             .exit_code = -9,
                                             .term_signal = 9,
                                             .started_us = 1600000000000000,
                                             .ended_us = 1600000002500000,
                                             .wall_ms = 2500,
                                             .events = 3,
                                             .output_bytes = 5,
                                             .processes_killed = 2};

/* What each client pays before it asks anything. Answers are explained in docs/answers.md. */
#define LIST_MAX_BYTES 30000

#define OF_IT(more) "{\"execution_id\":\"" PACK_ID "\"" more "}"

static void each_tool_says_what_it_takes_and_gives(void **state)
{
    static const char *const names[] = {
        "execute_code", "execute_code_async", "get_execution_output", "get_execution_status",
        "send_stdin",   "cancel_execution",   "list_executions",      "read_file",
        "write_file",   "list_files"};
    struct exchange *x = mcp_modern(*state, "tools/list", NULL, "");
    CLEANUP(json_deletep) cJSON *list = reply_json(x);
    const cJSON *tools = json_at(list, "result.tools"), *t;
    size_t n = 0;
    assert_int_equal(cJSON_GetArraySize(tools), ARRAY_LEN(names));
    assert_true(strlen(memory_body(x)) < LIST_MAX_BYTES);
    cJSON_ArrayForEach(t, tools)
    {
        expect_str(t, "name", names[n++]);
        assert_true(strlen(json_at(t, "description")->valuestring) > 40);
        assert_false(json_has(t, "annotations.title")); /* the title is told once */
        expect_str(t, "inputSchema.type", "object");
        expect_str(t, "outputSchema.type", "object");
        assert_true(cJSON_IsFalse(json_at(t, "inputSchema.additionalProperties")));
        bool is_reading = strstr(names[n - 1], "get_") || strstr(names[n - 1], "list_") ||
                          strstr(names[n - 1], "read_");
        assert_int_equal(cJSON_IsTrue(json_at(t, "annotations.readOnlyHint")), is_reading);
        assert_int_equal(cJSON_IsTrue(json_at(t, "annotations.destructiveHint")), !is_reading);
        const cJSON *property;
        cJSON_ArrayForEach(property, json_at(t, "inputSchema.properties"))
            assert_true(strlen(json_at(property, "description")->valuestring) > 4);
    }
    done(x);
}

static void no_tool_takes_what_it_does_not_know(void **state)
{
    static const char *const rows[][3] = {
        {"execute_code", "{}", "command is required"},
        {"execute_code_async", "{}", "command is required"},
        {"get_execution_output", "{}", "execution_id is required"},
        {"get_execution_status", "{}", "execution_id is required"},
        {"send_stdin", "{}", "execution_id is required"},
        {"cancel_execution", "{}", "execution_id is required"},
        {"list_executions", "{\"state\":\"x\"}", "did you mean \"status\"?"},
        {"list_executions", "{\"status\":\"done\"}", "status must be one of \"pending\""},
        {"list_executions", "{\"limit\":201}", "limit must be an integer from 1 to 200, not 201"},
        {"list_executions", "{\"cursor\":\"x\"}", "cursor is none of ours"},
        {"get_execution_output", OF_IT(",\"last_event_id\":\"x\""),
         "last_event_id \"x\" is no event id"},
        {"get_execution_output", OF_IT(",\"last_event_id\":\"7\""),
         "last_event_id \"7\" is no event of this execution"},
        {"get_execution_output", OF_IT(",\"until\":\"(\""), "until is not a regular expression"},
        {"get_execution_output", OF_IT(",\"output\":{\"grep\":\"[\"}"),
         "output.grep is not a regular expression"},
        {"get_execution_output", OF_IT(",\"wait_ms\":300001"), "limits.max_wait"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        pack_refused(*state, rows[i][0], rows[i][1], rows[i][2]);
}

static void an_unknown_execution_is_told_the_same_by_all(void **state)
{
    static const char *const tools[] = {"get_execution_output", "get_execution_status",
                                        "cancel_execution", "send_stdin"};
    struct pack_fixture *f = *state;
    f->reactor.outcome = CALL_E_NOT_FOUND;
    for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
        bool is_stdin = strcmp(tools[i], "send_stdin") == 0;
        pack_refused(f, tools[i], is_stdin ? OF_IT(",\"input_data\":\"x\"") : OF_IT(""),
                     "Execution not found");
        pack_refused(f, tools[i],
                     is_stdin ? "{\"execution_id\":\"../x\",\"input_data\":\"x\"}"
                              : "{\"execution_id\":\"../x\"}",
                     "Execution not found");
    }
}

static void status_tells_all_of_the_end(void **state)
{
    struct pack_fixture *f = *state;
    pack_execution(f, "hello");
    journal_file_event(&f->journal, JOURNAL_EXIT, 0);
    pack_execution_ends(f, &killed);
    CLEANUP(json_deletep) cJSON *r = pack_call(f, "get_execution_status", OF_IT(""));
    const cJSON *s = json_at(r, "structuredContent");
    expect_str(s, "id", PACK_ID);
    expect_str(s, "status", "timeout");
    expect_str(s, "command", "make");
    expect_str(s, "started_at", "2020-09-13T12:26:40.000Z");
    expect_str(s, "completed_at", "2020-09-13T12:26:42.500Z");
    expect_int(s, "exit_code", -9);
    expect_str(s, "signal", "SIGKILL");
    expect_str(s, "reason", "timeout");
    expect_str(s, "replica", "r1");
    expect_str(s, "session_id", "s1");
    expect_int(s, "bytes_out", 5);
    expect_int(s, "processes_killed", 2);
    assert_true(cJSON_IsNull(json_at(s, "last_output_at")));
    assert_int_equal(strlen(json_at(s, "stdout_sha256")->valuestring), 64);
    pack_conforms(f, "get_execution_status", r);
}

static void checksums_of_large_output_come_when_asked_for(void **state)
{
    struct pack_fixture *f = *state;
    struct execution_exit x = killed;
    static char piece[JOURNAL_RECORD_MAX];
    pack_execution(f, NULL);
    while (f->journal.output_bytes <= 16 << 20)
        journal_file_bytes(&f->journal, JOURNAL_STDOUT, 0, piece, sizeof(piece));
    x.output_bytes = f->journal.output_bytes;
    pack_execution_ends(f, &x);
    CLEANUP(json_deletep) cJSON *without = pack_call(f, "get_execution_status", OF_IT(""));
    assert_true(cJSON_IsNull(json_at(without, "structuredContent.stdout_sha256")));
    CLEANUP(json_deletep)
    cJSON *r = pack_call(f, "get_execution_status", OF_IT(",\"checksum\":true"));
    expect_str(r, "structuredContent.stdout_sha256",
               "e4cbb6eb89ef900b1e0fb10e800417d5a4defad43cef0a2e587c61fa955c0fbd");
    pack_conforms(f, "get_execution_status", r);
    CLEANUP(json_deletep) cJSON *kept = pack_call(f, "get_execution_status", OF_IT(""));
    assert_true(cJSON_IsString(json_at(kept, "structuredContent.stdout_sha256")));
}

/* The reactor has not heard yet, or retention has taken the directory: still an honest answer. */
static void the_disk_is_ahead_of_the_reactor(void **state)
{
    struct pack_fixture *f = *state;
    CLEANUP(json_deletep) cJSON *gone = pack_call(f, "get_execution_status", OF_IT(""));
    expect_str(gone, "structuredContent.status", "running");
    assert_true(cJSON_IsNull(json_at(gone, "structuredContent.command")));
    pack_conforms(f, "get_execution_status", gone);
    pack_execution(f, "hello");
    pack_execution_ends(f, &killed);
    f->reactor.view.status = EXECUTION_RUNNING;
    CLEANUP(json_deletep) cJSON *r = pack_call(f, "get_execution_status", OF_IT(""));
    expect_str(r, "structuredContent.status", "timeout");
}

static void a_list_goes_on_by_its_cursor(void **state)
{
    struct pack_fixture *f = *state;
    CLEANUP(json_deletep)
    cJSON *r = pack_call(f, "list_executions", "{\"limit\":2,\"status\":\"running\"}");
    expect_str(r, "structuredContent.executions.1.id", PACK_ID);
    assert_int_equal(f->reactor.last.list.status, EXECUTION_RUNNING);
    assert_int_equal(f->reactor.last.list.limit, 2);
    assert_false(f->reactor.last.list.session_only); /* modern: no session */
    pack_conforms(f, "list_executions", r);
    CLEANUP(buf_deinit) struct buf next = {0};
    buf_printf(&next, "{\"cursor\":\"%s\"}",
               json_at(r, "structuredContent.next_cursor")->valuestring);
    CLEANUP(json_deletep) cJSON *last = pack_call(f, "list_executions", next.data);
    assert_string_equal(f->reactor.last.list.before_id, PACK_ID);
    assert_int_equal(f->reactor.last.list.before_us, 1000);
    assert_true(cJSON_IsNull(json_at(last, "structuredContent.next_cursor")));
    pack_conforms(f, "list_executions", last);
}

static void older_clients_list_what_their_session_started(void **state)
{
    struct pack_fixture *f = *state;
    CLEANUP(free_p) char *session = mcp_initialize(&f->mcp, "2025-06-18", "{}");
    struct exchange *x =
        mcp_post(&f->mcp, session,
                 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{"
                 "\"name\":\"list_executions\"}}");
    assert_int_equal(memory_status(x), 200);
    assert_true(f->reactor.last.list.session_only);
    done(x);
}

/* ---- output ---- */

static void events_carry_what_belongs_to_their_type(void **state)
{
    struct pack_fixture *f = *state;
    pack_execution(f, "text\n");
    journal_file_bytes(&f->journal, JOURNAL_STDERR, 0, "\xff\x00z", 3);
    journal_file_event(&f->journal, JOURNAL_LIMIT, REASON_OUTPUT_LIMIT);
    journal_file_event(&f->journal, JOURNAL_TIMEOUT, 2500);
    journal_file_event(&f->journal, JOURNAL_CANCELLED, 0);
    journal_file_event(&f->journal, JOURNAL_ERROR, 2);
    journal_file_event(&f->journal, JOURNAL_EXIT, 0);
    pack_execution_ends(f, &killed);
    CLEANUP(json_deletep) cJSON *r = pack_call(f, "get_execution_output", OF_IT(""));
    const cJSON *events = json_at(r, "structuredContent.output");
    static const char *const types[] = {"ready",   "stdout",    "stderr", "resource_limit",
                                        "timeout", "cancelled", "error",  "exit"};
    for (int i = 0; i < (int)ARRAY_LEN(types); i++) {
        char id[2] = {(char)('0' + i), '\0'};
        expect_str(cJSON_GetArrayItem(events, i), "type", types[i]);
        expect_str(cJSON_GetArrayItem(events, i), "event_id", id);
    }
    expect_str(events, "1.data", "text\n");
    expect_str(events, "2.data", "/wB6");
    expect_str(events, "2.encoding", "base64");
    expect_str(events, "3.reason", "output_limit");
    assert_true(json_at(events, "4.timeout_seconds")->valuedouble == 2.5);
    expect_str(events, "6.message", "No such file or directory");
    expect_int(events, "7.code", -9);
    expect_int(events, "7.duration_ms", 2500);
    pack_conforms(f, "get_execution_output", r);
}

static void text_shows_both_streams_as_they_came(void **state)
{
    struct pack_fixture *f = *state;
    pack_execution(f, "one\n");
    journal_file_bytes(&f->journal, JOURNAL_STDERR, 0, "\xfftwo\n", 5);
    journal_file_bytes(&f->journal, JOURNAL_STDOUT, JOURNAL_PARTIAL, "three", 5);
    CLEANUP(json_deletep)
    cJSON *r = pack_call(f, "get_execution_output", OF_IT(",\"output\":{\"format\":\"text\"}"));
    expect_str(r, "structuredContent.stdout", "one\nthree");
    expect_str(r, "structuredContent.stderr", "\xef\xbf\xbdtwo\n");
    expect_str(r, "structuredContent.text", "one\n\xef\xbf\xbdtwo\nthree");
    expect_str(r, "content.0.text",
               "one\n\xef\xbf\xbdtwo\nthree\n[" PACK_ID ": running; last_event_id \"3\"]");
    pack_conforms(f, "get_execution_output", r);
}

/* Text is for looking at: without a place both ends of it, and how to get the rest. */
static void what_is_left_out_is_said_and_linked(void **state)
{
    struct pack_fixture *f = *state;
    pack_execution(f, "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    CLEANUP(json_deletep)
    cJSON *r = pack_call(f, "get_execution_output",
                         OF_IT(",\"output\":{\"format\":\"text\",\"max_bytes\":8}"));
    expect_str(r, "structuredContent.stdout",
               "1\n2\n[... 10 bytes left out: get_execution_output with last_event_id "
               "\"0.00004\" has them ...]\n8\n9\n");
    expect_int(r, "structuredContent.left_out.bytes", 10);
    expect_str(r, "structuredContent.left_out.last_event_id", "0.00004");
    expect_str(r, "structuredContent.left_out.uri", "exec://" PACK_ID "/output?offset=4");
    expect_str(r, "content.1.type", "resource_link");
    expect_str(r, "content.1.uri", "exec://" PACK_ID "/output");
    expect_int(r, "content.1.size", 18);
    pack_conforms(f, "get_execution_output", r);
    CLEANUP(json_deletep)
    cJSON *rest = pack_call(
        f, "get_execution_output",
        OF_IT(",\"last_event_id\":\"0.00004\",\"output\":{\"format\":\"text\",\"max_bytes\":10}"));
    expect_str(rest, "structuredContent.stdout", "3\n4\n5\n6\n7\n");
    expect_str(rest, "structuredContent.next_event_id", "0.00014");
    expect_int(rest, "structuredContent.bytes_left", 4);
    assert_true(cJSON_IsTrue(json_at(rest, "structuredContent.has_more")));
}

/* ---- resources, completion, prompts ---- */

static cJSON *read_resource(struct pack_fixture *f, const char *uri)
{
    CLEANUP(buf_deinit) struct buf params = {0};
    buf_printf(&params, "\"uri\":\"%s\"", uri);
    struct exchange *x = mcp_modern(&f->mcp, "resources/read", uri, params.data);
    cJSON *reply = reply_json(x);
    done(x);
    return reply;
}

static void output_is_read_as_a_resource_in_ranges(void **state)
{
    static const char *const rows[][2] = {
        {"", "hello w\xc3\xb6rld\nerr\n"},  {"?offset=6", "w\xc3\xb6rld\nerr\n"},
        {"?offset=1&length=4", "ello"},     {"?length=8", "hello w"}, /* no half character */
        {"?stream=stderr", "err\n"},        {"?offset=100", ""},
        {"?offset=12&stream=stdout", "\n"},
    };
    struct pack_fixture *f = *state;
    pack_execution(f, "hello w\xc3\xb6rld\n");
    journal_file_bytes(&f->journal, JOURNAL_STDERR, 0, "err\n", 4);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_deinit) struct buf uri = {0};
        buf_printf(&uri, "exec://" PACK_ID "/output%s", rows[i][0]);
        CLEANUP(json_deletep) cJSON *reply = read_resource(f, uri.data);
        expect_str(reply, "result.contents.0.text", rows[i][1]);
        expect_str(reply, "result.contents.0.uri", uri.data);
        expect_int(reply, "result.contents.0._meta.size", 17);
    }
}

static void output_that_is_no_text_is_a_blob(void **state)
{
    struct pack_fixture *f = *state;
    pack_execution(f, "\xff\xfe");
    CLEANUP(json_deletep) cJSON *reply = read_resource(f, "exec://" PACK_ID "/output");
    expect_str(reply, "result.contents.0.blob", "//4=");
    expect_str(reply, "result.contents.0.mimeType", "application/octet-stream");
}

static void a_resource_is_never_larger_than_a_reply(void **state)
{
    struct pack_fixture *f = *state;
    f->mcp.config.max_reply_bytes = 4;
    pack_execution(f, "hello\n");
    CLEANUP(json_deletep) cJSON *reply = read_resource(f, "exec://" PACK_ID "/output");
    expect_str(reply, "result.contents.0.text", "hell");
    expect_int(reply, "result.contents.0._meta.size", 6);
}

static void status_and_help_are_resources_and_others_are_not(void **state)
{
    struct pack_fixture *f = *state;
    pack_execution(f, "hello");
    CLEANUP(json_deletep) cJSON *status = read_resource(f, "exec://" PACK_ID "/status");
    CLEANUP(json_deletep)
    cJSON *parsed = cJSON_Parse(json_at(status, "result.contents.0.text")->valuestring);
    expect_str(parsed, "status", "running");
    CLEANUP(json_deletep) cJSON *help = read_resource(f, "exec://help");
    assert_non_null(strstr(json_at(help, "result.contents.0.text")->valuestring, "execute_code"));
    CLEANUP(json_deletep) cJSON *other = read_resource(f, "exec://" PACK_ID "/secret");
    expect_int(other, "error.code", -32602);
    f->reactor.outcome = CALL_E_NOT_FOUND;
    CLEANUP(json_deletep) cJSON *unknown = read_resource(f, "exec://" PACK_ID "/output");
    expect_int(unknown, "error.code", -32602);
    expect_str(unknown, "error.data.uri", "exec://" PACK_ID "/output");
}

static void executions_are_listed_as_resources(void **state)
{
    struct pack_fixture *f = *state;
    struct exchange *x = mcp_modern(&f->mcp, "resources/list", NULL, "");
    CLEANUP(json_deletep) cJSON *list = reply_json(x);
    done(x);
    expect_str(list, "result.resources.0.uri", "exec://help");
    expect_str(list, "result.resources.1.uri", "exec://" PACK_ID "/output");
    assert_int_equal(f->reactor.last.list.limit, 50);
    x = mcp_modern(&f->mcp, "resources/list", NULL, "\"cursor\":\"other\"");
    CLEANUP(json_deletep) cJSON *refused = reply_json(x);
    done(x);
    expect_int(refused, "error.code", -32602);
    x = mcp_modern(&f->mcp, "resources/templates/list", NULL, "");
    CLEANUP(json_deletep) cJSON *templates = reply_json(x);
    done(x);
    expect_str(templates, "result.resourceTemplates.1.uriTemplate", "exec://{id}/status");
}

static cJSON *complete(struct pack_fixture *f, const char *ref, const char *name, const char *value)
{
    CLEANUP(buf_deinit) struct buf params = {0};
    buf_printf(&params, "\"ref\":%s,\"argument\":{\"name\":\"%s\",\"value\":\"%s\"}", ref, name,
               value);
    struct exchange *x = mcp_modern(&f->mcp, "completion/complete", NULL, params.data);
    cJSON *reply = reply_json(x);
    done(x);
    return reply;
}

static void ids_are_completed(void **state)
{
    static const char ref[] = "{\"type\":\"ref/resource\",\"uri\":\"exec://{id}/status\"}";
    CLEANUP(json_deletep) cJSON *some = complete(*state, ref, "id", "r1-a");
    expect_str(some, "result.completion.values.1", PACK_ID);
    CLEANUP(json_deletep) cJSON *none = complete(*state, ref, "id", "r2");
    assert_int_equal(cJSON_GetArraySize(json_at(none, "result.completion.values")), 0);
    CLEANUP(json_deletep) cJSON *other = complete(*state, ref, "offset", "");
    assert_int_equal(cJSON_GetArraySize(json_at(other, "result.completion.values")), 0);
}

static cJSON *get_prompt(struct pack_fixture *f, const char *name, const char *arguments)
{
    CLEANUP(buf_deinit) struct buf params = {0};
    buf_printf(&params, "\"name\":\"%s\",\"arguments\":%s", name, arguments);
    struct exchange *x = mcp_modern(&f->mcp, "prompts/get", name, params.data);
    cJSON *reply = reply_json(x);
    done(x);
    return reply;
}

static void prompts_carry_what_they_were_given(void **state)
{
    static const char *const rows[][2] = {
        {"run_and_wait", "question"}, {"long_job", "until"}, {"interactive_session", "goal"}};
    struct pack_fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_deinit) struct buf all = {0};
        CLEANUP(json_deletep)
        cJSON *reply = get_prompt(f, rows[i][0], "{\"command\":\"make %s\"}");
        const char *text = json_at(reply, "result.messages.0.content.text")->valuestring;
        assert_non_null(strstr(text, "\n\nmake %s\n\n"));
        assert_null(strstr(text, "(null)"));
        buf_printf(&all, "{\"command\":\"make\",\"%s\":\"of %%d\"}", rows[i][1]);
        CLEANUP(json_deletep) cJSON *more = get_prompt(f, rows[i][0], all.data);
        assert_non_null(
            strstr(json_at(more, "result.messages.0.content.text")->valuestring, ": of %d"));
    }
    CLEANUP(json_deletep) cJSON *none = get_prompt(f, "long_job", "{}");
    expect_int(none, "error.code", -32602);
    CLEANUP(json_deletep) cJSON *empty = get_prompt(f, "long_job", "{\"command\":\"\"}");
    expect_int(empty, "error.code", -32602);
}

static cJSON *complete_prompt(struct pack_fixture *f, const char *name, const char *argument,
                              const char *value)
{
    CLEANUP(buf_deinit) struct buf params = {0};
    buf_printf(&params,
               "\"ref\":{\"type\":\"ref/prompt\",\"name\":\"%s\"},"
               "\"argument\":{\"name\":\"%s\",\"value\":\"%s\"}",
               name, argument, value);
    struct exchange *x = mcp_modern(&f->mcp, "completion/complete", NULL, params.data);
    cJSON *reply = reply_json(x);
    done(x);
    return reply;
}

static void commands_of_prompts_are_completed(void **state)
{
    struct pack_fixture *f = *state;
    pack_execution(f, "hello"); /* of "make", which the list has twice */
    CLEANUP(json_deletep) cJSON *own = complete_prompt(f, "long_job", "command", "ma");
    expect_str(own, "result.completion.values.0", "make");
    assert_false(json_has(own, "result.completion.values.1"));
    CLEANUP(json_deletep) cJSON *other = complete_prompt(f, "run_and_wait", "command", "x");
    assert_false(json_has(other, "result.completion.values.0"));
    CLEANUP(json_deletep)
    cJSON *programs = complete_prompt(f, "interactive_session", "command", "/bin");
    expect_str(programs, "result.completion.values.0", "/bin/sh");
    CLEANUP(json_deletep) cJSON *goal = complete_prompt(f, "interactive_session", "goal", "");
    assert_int_equal(cJSON_GetArraySize(json_at(goal, "result.completion.values")), 0);
    CLEANUP(json_deletep) cJSON *unknown = complete_prompt(f, "no_such", "command", "");
    assert_int_equal(cJSON_GetArraySize(json_at(unknown, "result.completion.values")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PACK_TEST(each_tool_says_what_it_takes_and_gives),
        PACK_TEST(no_tool_takes_what_it_does_not_know),
        PACK_TEST(an_unknown_execution_is_told_the_same_by_all),
        PACK_TEST(status_tells_all_of_the_end),
        PACK_TEST(checksums_of_large_output_come_when_asked_for),
        PACK_TEST(the_disk_is_ahead_of_the_reactor),
        PACK_TEST(a_list_goes_on_by_its_cursor),
        PACK_TEST(older_clients_list_what_their_session_started),
        PACK_TEST(events_carry_what_belongs_to_their_type),
        PACK_TEST(text_shows_both_streams_as_they_came),
        PACK_TEST(what_is_left_out_is_said_and_linked),
        PACK_TEST(output_is_read_as_a_resource_in_ranges),
        PACK_TEST(output_that_is_no_text_is_a_blob),
        PACK_TEST(a_resource_is_never_larger_than_a_reply),
        PACK_TEST(status_and_help_are_resources_and_others_are_not),
        PACK_TEST(executions_are_listed_as_resources),
        PACK_TEST(ids_are_completed),
        PACK_TEST(prompts_carry_what_they_were_given),
        PACK_TEST(commands_of_prompts_are_completed),
    };
    return cmocka_run_group_tests_name("tool views", tests, NULL, NULL);
}
