/*
 * Tasks as the core serves them, of a pack that does what the test says: both forms on the wire,
 * who may see what, and streams that follow.
 */
#include <stdio.h>

#include "server/mcp/task.h"
#include "state/base/clock.h"
#include "tests/unit/mcp_fixture.h"

#define TASKS "io.modelcontextprotocol/tasks"
#define META(c)                                                        \
    "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"" MODERN \
    "\",\"io.modelcontextprotocol/clientCapabilities\":" c "}"
#define DECLARED META("{\"elicitation\":{},\"extensions\":{\"" TASKS "\":{}}}")
#define BARE     META("{}")

/* One task, alice's. */
static struct {
    enum mcp_task_status status;
    bool is_error, had_ended, can_elicit;
    struct mcp_request *parked; /* reference: what `get` holds while it parks */
    bool parks;
    unsigned n_gets, n_updates, n_cancelled;
    int watches;
} it;

static bool is_mine(struct mcp_request *rq, const char *id)
{
    if (strcmp(id, "t1") == 0 && strcmp(mcp_request_principal(rq), "alice") == 0)
        return true;
    mcp_reply_no_task(rq);
    return false;
}

static void tell(struct mcp_request *rq)
{
    struct mcp_task t = {.id = "t1",
                         .status = it.status,
                         .message = "as it is",
                         .created_us = 1000000,
                         .updated_us = 2500000,
                         .ttl_ms = 60000,
                         .poll_ms = 500,
                         .had_ended = it.had_ended,
                         .error_code = -32603};
    it.can_elicit = mcp_request_client_has(rq, "elicitation");
    t.result = mcp_tool_result(rq, "the result", NULL, NULL, it.is_error);
    t.input_requests = cJSON_CreateObject();
    cJSON_AddStringToObject(cJSON_AddObjectToObject(t.input_requests, "k"), "method", "roots/list");
    mcp_reply_task(rq, &t);
}

static void on_cancel(void *arg)
{
    it.n_cancelled++;
}

static void task_get(struct mcp_request *rq, const char *id, void *arg)
{
    it.n_gets++;
    if (!is_mine(rq, id))
        return;
    if (!it.parks) {
        tell(rq);
        return;
    }
    assert_null(it.parked);
    it.parked = mcp_request_ref(rq);
    mcp_request_on_cancel(rq, on_cancel, NULL);
}

static void task_update(struct mcp_request *rq, const char *id, const cJSON *responses, void *arg)
{
    it.n_updates++;
    if (is_mine(rq, id))
        tell(rq);
}

static void task_act(struct mcp_request *rq, const char *id, void *arg)
{
    if (is_mine(rq, id))
        tell(rq);
}

static void task_list(struct mcp_request *rq, const char *cursor, void *arg)
{
    struct mcp_task t = {.id = "t1", .status = it.status, .created_us = 1, .updated_us = 1};
    mcp_reply_tasks(rq, &t, cursor ? 0 : 1, cursor ? NULL : "more");
}

static void task_watch(const char *id, bool is_on, void *arg)
{
    it.watches += is_on ? 1 : -1;
}

static const struct mcp_tasks tasks = {.get = task_get,
                                       .wait = task_act,
                                       .update = task_update,
                                       .cancel = task_act,
                                       .list = task_list,
                                       .watch = task_watch};

static void screen(struct mcp_request *rq, cJSON *uris, cJSON *task_ids, void *arg)
{
    cJSON *next;
    bool is_alice = strcmp(mcp_request_principal(rq), "alice") == 0;

    for (cJSON *id = task_ids ? task_ids->child : NULL; id; id = next) {
        next = id->next;
        if (!is_alice || id->valuestring[0] != 't')
            cJSON_Delete(cJSON_DetachItemViaPointer(task_ids, id));
    }
    mcp_listen_screened(rq);
}

static char *describe(void *arg)
{
    return xstrdup("{\"name\":\"work\",\"inputSchema\":{\"type\":\"object\"}}");
}

static char *describe_must(void *arg)
{
    return xstrdup("{\"name\":\"must\",\"inputSchema\":{\"type\":\"object\"}}");
}

static void work(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    if (mcp_request_takes_task(rq))
        tell(rq);
    else
        mcp_reply_tool(rq, "at once", NULL, NULL, false);
}

static const struct mcp_tool tools[] = {
    {.name = "work", .describe = describe, .call = work, .task = MCP_TASK_MAY},
    {.name = "must", .describe = describe_must, .call = work, .task = MCP_TASK_MUST},
};
static const struct mcp_pack task_pack = {
    .name = "tasks", .tools = tools, .n_tools = 2, .tasks = &tasks, .screen = screen};

static int set_up(void **state)
{
    int r = mcp_set_up(state);
    struct mcp_fixture *f = *state;
    const struct mcp_pack *packs[] = {&f->pack.pack, &task_pack};

    memset(&it, 0, sizeof it);
    it.status = MCP_TASK_WORKING;
    f->config.tasks_experimental = true;
    mcp_free(f->mcp);
    f->mcp = mcp_new(&(struct mcp_options){.config = &f->config,
                                           .sessions = f->sessions,
                                           .packs = packs,
                                           .n_packs = ARRAY_LEN(packs),
                                           .name = "test-server",
                                           .version = "1"});
    return r;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, mcp_tear_down)

/* A modern request as `principal`; meta: DECLARED or BARE. */
static struct exchange *ask_as(struct mcp_fixture *f, const char *principal, const char *method,
                               const char *name, const char *meta, const char *rest)
{
    CLEANUP(buf_deinit) struct buf body = {0};
    const struct exchange_header headers[] = {
        {"content-type", "application/json"}, {"accept", "application/json, text/event-stream"},
        {"mcp-protocol-version", MODERN},     {"mcp-method", method},
        {name ? "mcp-name" : NULL, name},     {NULL, NULL}};
    buf_printf(&body, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":{%s%s%s}}",
               method, meta, *rest ? "," : "", rest);
    return mcp_send(
        f, &(struct memory_request){.body = body.data, .headers = headers, .principal = principal});
}

static struct exchange *ask(struct mcp_fixture *f, const char *method, const char *rest)
{
    return ask_as(f, NULL, method, NULL, DECLARED, rest);
}

static cJSON *answer(struct exchange *x)
{
    cJSON *json = reply_json(x);
    assert_int_equal(memory_status(x), 200);
    done(x);
    return json;
}

#define GET_T1 "\"taskId\":\"t1\""

static void discover_offers_the_extension_without_settings(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(json_deletep) cJSON *json = answer(ask(f, "server/discover", ""));
    const cJSON *settings = json_get(json_at(json, "result.capabilities.extensions"), TASKS);
    assert_true(cJSON_IsObject(settings) && !settings->child);
    assert_false(json_has(json, "result.capabilities.tasks"));
}

static void each_status_has_its_members(void **state)
{
    struct mcp_fixture *f = *state;
    static const struct {
        enum mcp_task_status status;
        const char *name, *member;
    } rows[] = {
        {MCP_TASK_WORKING, "working", NULL},
        {MCP_TASK_INPUT_REQUIRED, "input_required", "inputRequests"},
        {MCP_TASK_COMPLETED, "completed", "result"},
        {MCP_TASK_FAILED, "failed", "error"},
        {MCP_TASK_CANCELLED, "cancelled", NULL},
    };
    static const char *const members[] = {"inputRequests", "result",       "error", "requestState",
                                          "ttl",           "pollInterval", "task"};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        it.status = rows[i].status;
        CLEANUP(json_deletep) cJSON *json = answer(ask(f, "tasks/get", GET_T1));
        const cJSON *result = json_at(json, "result");
        expect_str(result, "resultType", "complete");
        expect_str(result, "taskId", "t1");
        expect_str(result, "status", rows[i].name);
        expect_str(result, "createdAt", "1970-01-01T00:00:01.000Z");
        expect_str(result, "lastUpdatedAt", "1970-01-01T00:00:02.500Z");
        expect_int(result, "ttlMs", 60000);
        expect_int(result, "pollIntervalMs", 500);
        for (size_t k = 0; k < ARRAY_LEN(members); k++)
            assert_int_equal(json_has(result, members[k]),
                             rows[i].member && strcmp(rows[i].member, members[k]) == 0);
        if (it.status == MCP_TASK_COMPLETED)
            expect_str(result, "result.resultType", "complete");
        if (it.status == MCP_TASK_FAILED)
            expect_int(result, "error.code", -32603);
    }
}

static void a_call_becomes_a_task_only_of_a_client_that_said_so(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(json_deletep)
    cJSON *task = answer(ask_as(f, NULL, "tools/call", "work", DECLARED, "\"name\":\"work\""));
    expect_str(task, "result.resultType", "task");
    expect_str(task, "result.taskId", "t1");
    assert_false(json_has(task, "result.result"));
    assert_false(json_has(task, "result.inputRequests"));
    /* A member `task` is a leftover of another revision. */
    CLEANUP(json_deletep)
    cJSON *plain = answer(
        ask_as(f, NULL, "tools/call", "work", BARE, "\"name\":\"work\",\"task\":{\"ttl\":1}"));
    expect_str(plain, "result.resultType", "complete");
    expect_str(plain, "result.content.0.text", "at once");

    struct exchange *x = ask_as(f, NULL, "tools/call", "must", BARE, "\"name\":\"must\"");
    CLEANUP(json_deletep) cJSON *refused = reply_json(x);
    const cJSON *extensions = json_at(refused, "error.data.requiredCapabilities.extensions");
    assert_non_null(json_get(extensions, TASKS));
    expect_error(x, 400, -32021, "1");
}

static void the_extension_is_needed_before_an_id_is_looked_at(void **state)
{
    struct mcp_fixture *f = *state;
    static const char *const methods[] = {"tasks/get", "tasks/update", "tasks/cancel"};

    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        expect_error(ask_as(f, NULL, methods[i], NULL, BARE, GET_T1), 400, -32021, "1");
    expect_error(ask_as(f, NULL, "subscriptions/listen", NULL, BARE,
                        "\"notifications\":{\"taskIds\":[\"t1\"]}"),
                 400, -32021, "1");
    assert_int_equal(it.n_gets + it.n_updates, 0);
    expect_error(ask(f, "tasks/get", ""), 200, -32602, "1");
    expect_error(ask(f, "tasks/update", GET_T1), 200, -32602, "1");
    expect_error(ask(f, "tasks/list", ""), 404, -32601, "1");
    expect_error(ask(f, "tasks/result", GET_T1), 404, -32601, "1");
}

static void anothers_task_is_as_unknown_as_any(void **state)
{
    struct mcp_fixture *f = *state;
    struct exchange *theirs = ask_as(f, "mallory", "tasks/get", NULL, DECLARED, GET_T1);
    struct exchange *none = ask(f, "tasks/get", "\"taskId\":\"t2\"");

    assert_string_equal(memory_body(theirs), memory_body(none));
    expect_error(theirs, 200, -32602, "1");
    expect_error(none, 200, -32602, "1");
}

static void the_routing_header_must_agree_when_it_is_there(void **state)
{
    struct mcp_fixture *f = *state;

    expect_error(ask_as(f, NULL, "tasks/get", "t2", DECLARED, GET_T1), 400, -32020, "1");
    done(ask_as(f, NULL, "tasks/get", "t1", DECLARED, GET_T1));
    done(ask(f, "tasks/get", GET_T1));
    assert_int_equal(it.n_gets, 2);
    f->config.tasks_require_name = true;
    expect_error(ask(f, "tasks/get", GET_T1), 400, -32020, "1");
}

static void acknowledgements_carry_nothing(void **state)
{
    struct mcp_fixture *f = *state;
    static const char *const methods[] = {"tasks/update", "tasks/cancel"};

    it.had_ended = true; /* cancelling is idempotent */
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        CLEANUP(json_deletep)
        cJSON *json = answer(ask(f, methods[i], GET_T1 ",\"inputResponses\":{}"));
        expect_str(json, "result.resultType", "complete");
        assert_false(json_has(json, "result.taskId"));
        assert_false(json_has(json, "result.status"));
    }
}

/* ---- streams ---- */

static struct exchange *follow(struct mcp_fixture *f, const char *principal, const char *ids)
{
    CLEANUP(buf_deinit) struct buf rest = {0};
    buf_printf(&rest, "\"notifications\":{\"taskIds\":[%s]}", ids);
    return ask_as(f, principal, "subscriptions/listen", NULL, DECLARED, rest.data);
}

static void close_stream(struct mcp_fixture *f, struct exchange *x)
{
    memory_client_goes(x);
    memory_home_run(f->home);
    done(x);
}

static void changed(struct mcp_fixture *f, const char *principal)
{
    mcp_task_changed(f->mcp, principal, "t1");
    memory_home_run(f->home);
}

static void a_stream_says_how_things_stand_and_what_changes(void **state)
{
    struct mcp_fixture *f = *state;
    struct exchange *x = follow(f, NULL, "\"t1\",\"x\",\"t1\"");
    CLEANUP(json_deletep) cJSON *ack = event_json(x, 0);
    assert_int_equal(cJSON_GetArraySize(json_at(ack, "params.notifications.taskIds")), 1);
    CLEANUP(json_deletep) cJSON *first = event_json(x, 1);
    expect_str(first, "method", "notifications/tasks");
    expect_str(first, "params.status", "working");
    assert_false(json_has(first, "params.resultType"));
    assert_non_null(
        json_get(json_at(first, "params._meta"), "io.modelcontextprotocol/subscriptionId"));
    assert_true(it.can_elicit); /* as the request that began the stream said */
    it.status = MCP_TASK_COMPLETED;
    changed(f, "mallory");
    assert_int_equal(count_events(x), 2);
    changed(f, "alice");
    CLEANUP(json_deletep) cJSON *last = event_json(x, 2);
    expect_str(last, "params.status", "completed");
    expect_str(last, "params.result.content.0.text", "the result");
    close_stream(f, x);
}

static void another_principal_can_follow_nothing(void **state)
{
    struct mcp_fixture *f = *state;
    struct exchange *x = follow(f, "mallory", "\"t1\"");
    CLEANUP(json_deletep) cJSON *ack = event_json(x, 0);

    assert_int_equal(cJSON_GetArraySize(json_at(ack, "params.notifications.taskIds")), 0);
    changed(f, "alice");
    changed(f, "mallory");
    assert_int_equal(count_events(x), 1);
    assert_int_equal(it.watches, 0);
    close_stream(f, x);
}

static void who_is_followed_is_known_as_long_as_somebody_does(void **state)
{
    struct mcp_fixture *f = *state;
    struct exchange *a = follow(f, NULL, "\"t1\"");
    struct exchange *b = follow(f, NULL, "\"t1\",\"t2\"");

    assert_int_equal(it.watches, 2);
    close_stream(f, a);
    assert_int_equal(it.watches, 2);
    close_stream(f, b);
    assert_int_equal(it.watches, 0);
}

static void on_home(void *arg)
{
    tell(it.parked);
    mcp_request_unref(TAKE_PTR(it.parked));
}

static void answer_parked(struct mcp_fixture *f)
{
    home_post(f->home, on_home, NULL);
    memory_home_run(f->home);
}

static void changes_during_a_look_lead_to_one_more(void **state)
{
    struct mcp_fixture *f = *state;
    it.parks = true;
    struct exchange *x = follow(f, NULL, "\"t1\"");

    assert_non_null(it.parked);
    assert_int_equal(it.n_gets, 1);
    for (int i = 0; i < 5; i++)
        changed(f, "alice");
    assert_int_equal(it.n_gets, 1);
    it.parks = false;
    answer_parked(f);
    assert_int_equal(it.n_gets, 2);
    assert_int_equal(count_events(x), 3);
    close_stream(f, x);
}

static void a_stream_that_closes_gives_up_its_looks(void **state)
{
    struct mcp_fixture *f = *state;
    it.parks = true;
    struct exchange *x = follow(f, NULL, "\"t1\"");

    changed(f, "alice");
    close_stream(f, x);
    assert_int_equal(it.n_cancelled, 1);
    answer_parked(f); /* too late: goes nowhere */
    assert_int_equal(it.n_gets, 1);
}

static void one_stream_follows_so_many(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(buf_deinit) struct buf ids = {0};
    for (int i = 0; i < 200; i++)
        buf_printf(&ids, "%s\"t%d\"", i ? "," : "", i + 10);
    struct exchange *x = follow(f, NULL, ids.data);
    CLEANUP(json_deletep) cJSON *ack = event_json(x, 0);

    assert_int_equal(cJSON_GetArraySize(json_at(ack, "params.notifications.taskIds")), 128);
    assert_int_equal(it.watches, 128);
    close_stream(f, x);
    assert_int_equal(it.watches, 0);
}

/* ---- 2025-11-25 ---- */

static cJSON *legacy(struct mcp_fixture *f, const char *session, const char *method,
                     const char *params)
{
    CLEANUP(buf_deinit) struct buf body = {0};
    buf_printf(&body, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":{%s}}", method,
               params);
    return answer(mcp_post(f, session, body.data));
}

static void the_experimental_form_has_words_of_its_own(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *s = mcp_initialize(f, "2025-11-25", "{}");
    CLEANUP(json_deletep)
    cJSON *made = legacy(f, s, "tools/call", "\"name\":\"work\",\"task\":{\"ttl\":5}");
    expect_str(made, "result.task.taskId", "t1");
    expect_int(made, "result.task.ttl", 60000);
    expect_int(made, "result.task.pollInterval", 500);
    assert_false(json_has(made, "result.task.ttlMs"));
    assert_false(json_has(made, "result.resultType"));

    it.status = MCP_TASK_INPUT_REQUIRED; /* nobody can be asked in this form */
    CLEANUP(json_deletep) cJSON *waits = legacy(f, s, "tasks/get", GET_T1);
    expect_str(waits, "result.status", "working");
    it.status = MCP_TASK_COMPLETED;
    CLEANUP(json_deletep) cJSON *got = legacy(f, s, "tasks/get", GET_T1);
    expect_str(got, "result.status", "completed");
    assert_false(json_has(got, "result.result"));
    it.is_error = true;
    CLEANUP(json_deletep) cJSON *failed = legacy(f, s, "tasks/get", GET_T1);
    expect_str(failed, "result.status", "failed");
    CLEANUP(json_deletep) cJSON *result = legacy(f, s, "tasks/result", GET_T1);
    expect_str(result, "result.content.0.text", "the result");
    expect_str(json_get(json_at(result, "result._meta"), "io.modelcontextprotocol/related-task"),
               "taskId", "t1");
    CLEANUP(json_deletep) cJSON *list = legacy(f, s, "tasks/list", "");
    expect_str(list, "result.tasks.0.taskId", "t1");
    expect_str(list, "result.nextCursor", "more");
}

static void to_cancel_is_done_once_in_the_experimental_form(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *s = mcp_initialize(f, "2025-11-25", "{}");
    CLEANUP(json_deletep) cJSON *json = legacy(f, s, "tasks/cancel", GET_T1);
    expect_str(json, "result.status", "cancelled");
    it.had_ended = true;
    it.status = MCP_TASK_CANCELLED;
    CLEANUP(json_deletep) cJSON *again = legacy(f, s, "tasks/cancel", GET_T1);
    expect_int(again, "error.code", -32602);
    CLEANUP(json_deletep) cJSON *result = legacy(f, s, "tasks/result", GET_T1);
    expect_int(result, "error.code", -32603);
}

static void older_revisions_have_no_tasks(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *s = mcp_initialize(f, "2025-06-18", "{}");
    CLEANUP(json_deletep) cJSON *json = legacy(f, s, "tasks/get", GET_T1);
    expect_int(json, "error.code", -32601);
    CLEANUP(json_deletep)
    cJSON *plain = legacy(f, s, "tools/call", "\"name\":\"work\",\"task\":{}");
    expect_str(plain, "result.content.0.text", "at once");
    CLEANUP(json_deletep) cJSON *must = legacy(f, s, "tools/call", "\"name\":\"must\"");
    assert_true(cJSON_IsTrue(json_at(must, "result.isError")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(discover_offers_the_extension_without_settings),
        TEST(each_status_has_its_members),
        TEST(a_call_becomes_a_task_only_of_a_client_that_said_so),
        TEST(the_extension_is_needed_before_an_id_is_looked_at),
        TEST(anothers_task_is_as_unknown_as_any),
        TEST(the_routing_header_must_agree_when_it_is_there),
        TEST(acknowledgements_carry_nothing),
        TEST(a_stream_says_how_things_stand_and_what_changes),
        TEST(another_principal_can_follow_nothing),
        TEST(who_is_followed_is_known_as_long_as_somebody_does),
        TEST(changes_during_a_look_lead_to_one_more),
        TEST(a_stream_that_closes_gives_up_its_looks),
        TEST(one_stream_follows_so_many),
        TEST(the_experimental_form_has_words_of_its_own),
        TEST(to_cancel_is_done_once_in_the_experimental_form),
        TEST(older_revisions_have_no_tasks),
    };
    return cmocka_run_group_tests_name("mcp_tasks", tests, NULL, NULL);
}
