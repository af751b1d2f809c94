/* Executions as tasks: the product's pack in the real core, over a reactor that does what the test
 * says. */
#include <stdio.h>

#include "tests/unit/pack_fixture.h"

#define TASKS "io.modelcontextprotocol/tasks"

/* A request of a client with tasks; capabilities: further ones, as JSON members. */
static struct exchange *ask(struct pack_fixture *f, const char *method, const char *capabilities,
                            const char *params)
{
    CLEANUP(buf_deinit) struct buf body = {0};
    buf_printf(&body,
               "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":{%s,\"_meta\":{"
               "\"io.modelcontextprotocol/protocolVersion\":\"" MODERN "\","
               "\"io.modelcontextprotocol/clientCapabilities\":{%s\"extensions\":{\"" TASKS
               "\":{}}}}}}",
               method, params, capabilities);
    return mcp_modern_raw(
        &f->mcp, &(struct modern_spec){.body = body.data,
                                       .version = MODERN,
                                       .method = method,
                                       .name = strstr(params, "\"name\"") ? "execute_code" : NULL});
}

static cJSON *result_of(struct exchange *x)
{
    CLEANUP(json_deletep) cJSON *reply = reply_json(x);
    json_at(reply, "result");
    done(x);
    return cJSON_DetachItemFromObjectCaseSensitive(reply, "result");
}

#define ELICITATION "\"elicitation\":{},"
#define ID          "\"taskId\":\"" PACK_ID "\""

static cJSON *get(struct pack_fixture *f, const char *capabilities)
{
    return result_of(ask(f, "tasks/get", capabilities, ID));
}

static cJSON *run(struct pack_fixture *f, const char *more)
{
    CLEANUP(buf_deinit) struct buf b = {0};
    buf_printf(&b, "\"name\":\"execute_code\",\"arguments\":{\"command\":\"make\"%s}", more);
    return result_of(ask(f, "tools/call", "", b.data));
}

static const struct execution_exit ended_well = {.reason = REASON_EXITED,
                                                 .exit_code = 3,
                                                 .started_us = 1000,
                                                 .ended_us = 5000000,
                                                 .wall_ms = 1500};

static void what_still_runs_after_the_wait_is_a_task(void **state)
{
    struct pack_fixture *f = *state;
    pack_execution(f, "hello\n");
    f->reactor.view.created_us = 2000000;
    CLEANUP(json_deletep) cJSON *task = run(f, "");
    expect_str(task, "resultType", "task");
    expect_str(task, "taskId", PACK_ID);
    expect_str(task, "status", "working");
    expect_str(task, "createdAt", "1970-01-01T00:00:02.000Z");
    expect_int(task, "pollIntervalMs", 1000);
    assert_true(json_at(task, "ttlMs")->valuedouble >= 3600000);
    assert_int_equal(f->reactor.last.until, CALL_UNTIL_ENDED);
    assert_true(f->reactor.spec->sync);
}

static void what_ends_within_the_wait_is_answered(void **state)
{
    struct pack_fixture *f = *state;
    pack_execution(f, "hello\n");
    pack_execution_ends(f, &ended_well);
    CLEANUP(json_deletep) cJSON *result = run(f, "");
    expect_str(result, "resultType", "complete");
    expect_int(result, "structuredContent.exit_code", 3);
}

static void how_output_is_wanted_is_kept_for_later(void **state)
{
    struct pack_fixture *f = *state;
    pack_execution(f, "hello\n");
    CLEANUP(json_deletep) cJSON *task = run(f, ",\"output\":{\"tail_lines\":1}");
    expect_str(task, "resultType", "task");
    assert_string_equal(f->reactor.spec->output, "{\"tail_lines\":1}");
}

static void each_end_is_told_as_a_task(void **state)
{
    static const struct {
        enum execution_reason reason;
        const char *status;
    } rows[] = {{REASON_EXITED, "completed"},  {REASON_SIGNALED, "completed"},
                {REASON_TIMEOUT, "completed"}, {REASON_OUTPUT_LIMIT, "completed"},
                {REASON_OOM, "completed"},     {REASON_SPAWN_FAILED, "completed"},
                {REASON_LOST, "failed"},       {REASON_CANCELLED, "cancelled"},
                {REASON_SHUTDOWN, "cancelled"}};
    struct pack_fixture *f = *state;
    pack_execution(f, "hello\n");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct execution_exit x = ended_well;
        x.reason = rows[i].reason;
        pack_execution_ends(f, &x);
        CLEANUP(json_deletep) cJSON *task = get(f, "");
        expect_str(task, "status", rows[i].status);
        expect_str(task, "lastUpdatedAt", "1970-01-01T00:00:05.000Z");
        assert_int_equal(json_has(task, "result"), strcmp(rows[i].status, "completed") == 0);
        assert_int_equal(json_has(task, "error"), strcmp(rows[i].status, "failed") == 0);
        if (json_has(task, "result"))
            expect_str(task, "result.structuredContent.reason",
                       execution_reason_name(rows[i].reason));
    }
}

static void who_waits_in_line_is_at_work(void **state)
{
    struct pack_fixture *f = *state;
    f->reactor.view.status = EXECUTION_PENDING;
    f->reactor.view.queue_position = 2;
    CLEANUP(json_deletep) cJSON *task = get(f, "");
    expect_str(task, "status", "working");
    assert_non_null(strstr(json_at(task, "statusMessage")->valuestring, "number 2"));
}

/* ---- waiting for input ---- */

static void waits(struct pack_fixture *f, enum execution_waiting waiting)
{
    pack_execution(f, "one\nGo on? ");
    f->reactor.view.interactive = true;
    f->reactor.view.waiting = waiting;
    f->reactor.view.inputs = 3;
}

static void answer(struct pack_fixture *f, const char *key, const char *response)
{
    CLEANUP(buf_deinit) struct buf b = {0};
    buf_printf(&b, ID ",\"inputResponses\":{\"%s\":%s}", key, response);
    CLEANUP(json_deletep) cJSON *done = result_of(ask(f, "tasks/update", ELICITATION, b.data));
    expect_str(done, "resultType", "complete");
}

#define YES "{\"action\":\"accept\",\"content\":{\"input\":\"yes\"}}"

static void the_question_is_what_it_printed_last(void **state)
{
    struct pack_fixture *f = *state;
    waits(f, WAITING_INPUT);
    CLEANUP(json_deletep) cJSON *task = get(f, ELICITATION);
    expect_str(task, "status", "input_required");
    const cJSON *request = json_get(json_at(task, "inputRequests"), "input-3");
    expect_str(request, "method", "elicitation/create");
    expect_str(request, "params.message", "The command asks: Go on? ");
    expect_str(request, "params.requestedSchema.properties.input.type", "string");
}

static void an_answer_is_written_with_its_line_break(void **state)
{
    struct pack_fixture *f = *state;
    waits(f, WAITING_INPUT);
    answer(f, "input-3", YES);
    assert_int_equal(f->reactor.last.op, CALL_STDIN);
    assert_int_equal(f->reactor.last.input.len, 4);
    assert_string_equal(f->reactor.input, "yes\n");
    assert_false(f->reactor.last.input.eof);
}

static void who_declines_closes_the_input(void **state)
{
    struct pack_fixture *f = *state;
    waits(f, WAITING_INPUT);
    answer(f, "input-3", "{\"action\":\"decline\"}");
    assert_int_equal(f->reactor.last.op, CALL_STDIN);
    assert_true(f->reactor.last.input.eof);
    assert_int_equal(f->reactor.last.input.len, 0);
}

static void what_was_not_asked_is_not_written(void **state)
{
    struct pack_fixture *f = *state;
    waits(f, WAITING_INPUT);
    answer(f, "input-2", YES);
    assert_int_equal(f->reactor.last.op, CALL_WAIT);
    f->reactor.view.waiting = WAITING_NO;
    answer(f, "input-3", YES);
    assert_int_equal(f->reactor.last.op, CALL_WAIT);
}

static void a_secret_is_neither_asked_for_nor_taken(void **state)
{
    struct pack_fixture *f = *state;
    waits(f, WAITING_SECRET);
    CLEANUP(json_deletep) cJSON *task = get(f, ELICITATION);
    expect_str(task, "status", "working");
    assert_non_null(strstr(json_at(task, "statusMessage")->valuestring, "send_stdin"));
    answer(f, "input-3", YES);
    assert_int_equal(f->reactor.last.op, CALL_WAIT);
    f->mcp.config.tasks_ask_secrets = true;
    CLEANUP(json_deletep) cJSON *asked = get(f, ELICITATION);
    expect_str(asked, "status", "input_required");
    answer(f, "input-3", YES);
    assert_int_equal(f->reactor.last.op, CALL_STDIN);
}

static void who_can_not_be_asked_is_told(void **state)
{
    struct pack_fixture *f = *state;
    waits(f, WAITING_INPUT);
    CLEANUP(json_deletep) cJSON *task = get(f, "");
    expect_str(task, "status", "working");
    assert_non_null(strstr(json_at(task, "statusMessage")->valuestring, "send_stdin"));
}

/* ---- news ---- */

static void news_reach_who_follows(void **state)
{
    struct pack_fixture *f = *state;
    pack_execution(f, "hello\n");
    struct exchange *x = ask(f, "subscriptions/listen", "",
                             "\"notifications\":{\"taskIds\":[\"" PACK_ID "\"],"
                             "\"resourceSubscriptions\":[\"exec://" PACK_ID "/output\","
                             "\"exec://" PACK_ID "/status\",\"exec://help\",\"other://x\"]}");
    CLEANUP(json_deletep) cJSON *ack = event_json(x, 0);
    assert_int_equal(cJSON_GetArraySize(json_at(ack, "params.notifications.resourceSubscriptions")),
                     2);
    assert_int_equal(f->reactor.watches, 3);
    unsigned n = count_events(x);
    assert_int_equal(n, 4);
    f->reactor.on_news(f->reactor.news_arg, "alice", &f->reactor.view, NEWS_OUTPUT);
    memory_home_run(f->mcp.home);
    assert_int_equal(count_events(x), n + 1);
    f->reactor.on_news(f->reactor.news_arg, "alice", &f->reactor.view, NEWS_STATUS);
    memory_home_run(f->mcp.home);
    assert_int_equal(count_events(x), n + 3);
    f->reactor.on_news(f->reactor.news_arg, "mallory", &f->reactor.view, NEWS_STATUS);
    memory_home_run(f->mcp.home);
    assert_int_equal(count_events(x), n + 3);
    memory_client_goes(x);
    memory_home_run(f->mcp.home);
    done(x);
    assert_int_equal(f->reactor.watches, 0);
}

static void a_list_that_changed_is_told_to_who_listens_for_it(void **state)
{
    struct pack_fixture *f = *state;
    struct exchange *x =
        ask(f, "subscriptions/listen", "", "\"notifications\":{\"resourcesListChanged\":true}");
    CLEANUP(json_deletep) cJSON *ack = event_json(x, 0);
    assert_true(cJSON_IsTrue(json_at(ack, "params.notifications.resourcesListChanged")));
    f->reactor.on_list_news(f->reactor.news_arg, "mallory");
    f->reactor.on_list_news(f->reactor.news_arg, "alice");
    f->reactor.on_list_news(f->reactor.news_arg, NULL);
    memory_home_run(f->mcp.home);
    assert_int_equal(count_events(x), 3);
    CLEANUP(json_deletep) cJSON *note = event_json(x, 1);
    expect_str(note, "method", "notifications/resources/list_changed");
    memory_client_goes(x);
    memory_home_run(f->mcp.home);
    done(x);
}

static void what_is_unknown_can_not_be_followed(void **state)
{
    struct pack_fixture *f = *state;
    f->reactor.outcome = CALL_E_NOT_FOUND;
    struct exchange *x = ask(f, "subscriptions/listen", "",
                             "\"notifications\":{\"taskIds\":[\"" PACK_ID "\"],"
                             "\"resourceSubscriptions\":[\"exec://" PACK_ID "/output\"]}");
    CLEANUP(json_deletep) cJSON *ack = event_json(x, 0);
    assert_int_equal(cJSON_GetArraySize(json_at(ack, "params.notifications.taskIds")), 0);
    assert_int_equal(f->reactor.watches, 0);
    assert_int_equal(count_events(x), 1);
    memory_client_goes(x);
    memory_home_run(f->mcp.home);
    done(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PACK_TEST(what_still_runs_after_the_wait_is_a_task),
        PACK_TEST(what_ends_within_the_wait_is_answered),
        PACK_TEST(how_output_is_wanted_is_kept_for_later),
        PACK_TEST(each_end_is_told_as_a_task),
        PACK_TEST(who_waits_in_line_is_at_work),
        PACK_TEST(the_question_is_what_it_printed_last),
        PACK_TEST(an_answer_is_written_with_its_line_break),
        PACK_TEST(who_declines_closes_the_input),
        PACK_TEST(what_was_not_asked_is_not_written),
        PACK_TEST(a_secret_is_neither_asked_for_nor_taken),
        PACK_TEST(who_can_not_be_asked_is_told),
        PACK_TEST(news_reach_who_follows),
        PACK_TEST(a_list_that_changed_is_told_to_who_listens_for_it),
        PACK_TEST(what_is_unknown_can_not_be_followed),
    };
    return cmocka_run_group_tests_name("task_exec", tests, NULL, NULL);
}
