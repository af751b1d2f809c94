/* The tools' way through the reactor: what they ask of it, how they wait, and what they answer. */
#include <signal.h>
#include <stdio.h>

#include "server/mcp/tool.h"
#include "state/base/clock.h"
#include "tests/unit/pack_fixture.h"

static const struct execution_exit ended_well = {.reason = REASON_EXITED,
                                                 .exit_code = 3,
                                                 .started_us = 1000,
                                                 .ended_us = 1700000000123456,
                                                 .wall_ms = 1500,
                                                 .events = 2,
                                                 .output_bytes = 6,
                                                 .stdout_bytes = 6};

/* ---- starting ---- */

static void what_ended_is_answered_with_its_end(void **state)
{
    struct pack_fixture *f = *state;
    pack_execution(f, "hello\n");
    pack_execution_ends(f, &ended_well);
    CLEANUP(json_deletep)
    cJSON *result = pack_call(f, "execute_code", "{\"command\":\"make\",\"timeout_seconds\":5}");
    assert_false(cJSON_IsTrue(json_get(result, "isError")));
    expect_str(result, "structuredContent.execution_id", PACK_ID);
    expect_str(result, "structuredContent.status", "completed");
    expect_int(result, "structuredContent.exit_code", 3);
    expect_str(result, "structuredContent.reason", "exited");
    expect_int(result, "structuredContent.usage.wall_ms", 1500);
    expect_str(result, "structuredContent.output.1.data", "hello\n");
    expect_str(result, "structuredContent.stdout_sha256",
               "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
    pack_conforms(f, "execute_code", result);
    CLEANUP(json_deletep) cJSON *text = cJSON_Parse(json_at(result, "content.0.text")->valuestring);
    assert_true(cJSON_Compare(text, json_at(result, "structuredContent"), true));
    assert_int_equal(f->reactor.last.op, CALL_START);
    assert_int_equal(f->reactor.last.until, CALL_UNTIL_ENDED);
    assert_string_equal(f->reactor.spec->argv[2], "make");
    assert_int_equal(f->reactor.spec->limits.timeout_ms, 5000);
    assert_true(f->reactor.spec->sync);
}

static void text_is_plain_and_closes_with_the_status(void **state)
{
    struct pack_fixture *f = *state;
    pack_execution(f, "hello\n");
    pack_execution_ends(f, &ended_well);
    CLEANUP(json_deletep)
    cJSON *result =
        pack_call(f, "execute_code", "{\"command\":\"make\",\"output\":{\"format\":\"text\"}}");
    expect_str(result, "content.0.text", "hello\n[" PACK_ID ": completed, exit code 3, 1.500 s]");
    expect_str(result, "structuredContent.stdout", "hello\n");
    expect_str(result, "structuredContent.stderr", "");
    assert_false(json_has(result, "structuredContent.output"));
    assert_false(json_has(result, "structuredContent.text"));
    pack_conforms(f, "execute_code", result);
}

static void what_still_runs_is_handed_back(void **state)
{
    struct pack_fixture *f = *state;
    pack_execution(f, "hello\n");
    clock_hold(5000000, 1);
    CLEANUP(json_deletep)
    cJSON *result = pack_call(f, "execute_code", "{\"command\":\"make\",\"wait_seconds\":20}");
    expect_str(result, "structuredContent.status", "running");
    expect_str(result, "structuredContent.next_event_id", "1");
    assert_true(cJSON_IsNull(json_at(result, "structuredContent.exit_code")));
    assert_true(json_has(result, "structuredContent.message"));
    assert_int_equal(f->reactor.last.deadline_ms, 25000);
    pack_conforms(f, "execute_code", result);
}

static void nobody_waits_when_the_client_does_not_want_to(void **state)
{
    static const struct {
        const char *tool, *arguments;
        enum call_until until;
        bool is_sync;
    } rows[] = {
        {"execute_code", "{\"command\":\"x\",\"wait_for_completion\":false}", CALL_UNTIL_NOTHING,
         false},
        {"execute_code", "{\"command\":\"x\",\"wait_seconds\":0}", CALL_UNTIL_NOTHING, true},
        {"execute_code", "{\"command\":\"x\"}", CALL_UNTIL_ENDED, true},
        {"execute_code_async", "{\"command\":\"x\"}", CALL_UNTIL_NOTHING, false},
        {"execute_code_async", "{\"command\":\"x\",\"wait_seconds\":1}", CALL_UNTIL_ENDED, false},
    };
    struct pack_fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(json_deletep) cJSON *result = pack_call(f, rows[i].tool, rows[i].arguments);
        expect_str(result, "structuredContent.execution_id", PACK_ID);
        expect_str(result, "structuredContent.status", "running");
        assert_int_equal(f->reactor.last.until, rows[i].until);
        assert_int_equal(f->reactor.spec->sync, rows[i].is_sync);
        /* What was waited for is answered as execute_code does, whose schema says it all. */
        pack_conforms(f, rows[i].until == CALL_UNTIL_ENDED ? "execute_code" : rows[i].tool, result);
    }
}

static void what_waits_in_line_says_where(void **state)
{
    struct pack_fixture *f = *state;
    f->reactor.view.status = EXECUTION_PENDING;
    f->reactor.view.queue_position = 2;
    f->reactor.repeated = true;
    CLEANUP(json_deletep) cJSON *result = pack_call(f, "execute_code_async", "{\"command\":\"x\"}");
    expect_str(result, "structuredContent.status", "pending");
    const char *message = json_at(result, "structuredContent.message")->valuestring;
    assert_non_null(strstr(message, "Waits in line"));
    expect_int(result, "structuredContent.queue_position", 2);
    assert_true(cJSON_IsTrue(json_at(result, "structuredContent.repeated")));
    pack_conforms(f, "execute_code_async", result);
}

static void an_end_without_a_start_has_no_exit_code(void **state)
{
    struct pack_fixture *f = *state;
    const struct execution_exit x = {
        .reason = REASON_SPAWN_FAILED, .error = "exec: nothing there", .ended_us = 5};
    pack_execution(f, NULL);
    pack_execution_ends(f, &x);
    CLEANUP(json_deletep) cJSON *result = pack_call(f, "execute_code", "{\"command\":\"x\"}");
    expect_str(result, "structuredContent.status", "failed");
    expect_str(result, "structuredContent.error_message", "exec: nothing there");
    assert_true(cJSON_IsNull(json_at(result, "structuredContent.exit_code")));
    assert_true(cJSON_IsNull(json_at(result, "structuredContent.usage")));
    pack_conforms(f, "execute_code", result);
}

static void each_refusal_is_told_in_words(void **state)
{
    static const struct {
        enum call_outcome outcome;
        const char *text;
    } rows[] = {
        {CALL_E_SESSION_LIMIT, "Maximum 5 concurrent executions per session: "},
        {CALL_E_PENDING_FULL, "limits.max_pending"},
        {CALL_E_LOW_DISK, "disk space"},
        {CALL_E_DRAINING, "shutting down"},
        {CALL_E_KEEPER_AWAY, "try again"},
        {CALL_E_KEY_REUSED, "idempotency_key was used before"},
        {CALL_E_TOO_BIG, "too large"},
        {CALL_E_INTERNAL, "The server failed"},
    };
    struct pack_fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        f->reactor.outcome = rows[i].outcome;
        f->reactor.view.id[0] = '\0';
        pack_refused(f, "execute_code", "{\"command\":\"x\"}", rows[i].text);
    }
}

/* A load balancer that asks the next one on 503 is told so only where another could do it, and only
 * of what was not begun. */
static void a_balancer_hears_of_what_another_may_take(void **state)
{
    static const struct {
        const char *tool, *arguments;
        enum call_outcome outcome;
        int status;
    } rows[] = {
        {"execute_code", "{\"command\":\"x\"}", CALL_E_DRAINING, 503},
        {"execute_code_async", "{\"command\":\"x\"}", CALL_E_LOW_DISK, 503},
        {"execute_code", "{\"command\":\"x\"}", CALL_E_KEEPER_AWAY, 503},
        {"execute_code", "{\"command\":\"x\"}", CALL_E_PENDING_FULL, 503},
        {"execute_code", "{\"command\":\"x\"}", CALL_E_SESSION_LIMIT, 200},
        {"execute_code", "{\"command\":\"x\"}", CALL_E_INTERNAL, 200},
        {"get_execution_status", "{\"execution_id\":\"" PACK_ID "\"}", CALL_E_DRAINING, 503},
        {"get_execution_status", "{\"execution_id\":\"" PACK_ID "\"}", CALL_E_NOT_FOUND, 200},
        {"cancel_execution", "{\"execution_id\":\"" PACK_ID "\"}", CALL_E_KEEPER_AWAY, 200},
    };
    static const struct exchange_header promise[] = {{"x-execd-elsewhere", "yes"}, {NULL, NULL}};
    struct pack_fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_deinit) struct buf body = {0};
        f->reactor.outcome = rows[i].outcome;
        f->reactor.view.id[0] = '\0';
        buf_printf(&body,
                   "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{"
                   "\"name\":\"%s\",\"arguments\":%s," ENVELOPE "}}",
                   rows[i].tool, rows[i].arguments);
        const struct modern_spec spec = {.body = body.data,
                                         .version = MODERN,
                                         .method = "tools/call",
                                         .name = rows[i].tool,
                                         .more = promise};
        struct exchange *x = mcp_modern_raw(&f->mcp, &spec);
        if (memory_status(x) != rows[i].status)
            fail_msg("%s, outcome %d: HTTP %d", rows[i].tool, (int)rows[i].outcome,
                     memory_status(x));
        done(x);
    }
}

static void an_id_is_repeated_in_a_header_only_where_that_is_configured(void **state)
{
    CLEANUP(free_p)
    char *described = tool_get_execution_status_describe(
        &(struct pack_exec){.config = &(struct config){.execution_id_header = false}});
    assert_null(strstr(described, "x-mcp-header"));
    free(described);
    described = tool_get_execution_status_describe(
        &(struct pack_exec){.config = &(struct config){.execution_id_header = true}});
    assert_non_null(strstr(described, "\"x-mcp-header\":\"Execution-Id\""));
}

/* ---- cancelled requests ---- */

/* A modern client that hangs up cancels. */
static void hang_up(struct pack_fixture *f, struct exchange *x)
{
    memory_client_goes(x);
    memory_home_run(f->mcp.home);
    done(x);
}

static void a_cancelled_request_ends_what_it_waits_for(void **state)
{
    static const struct {
        const char *tool, *arguments;
        bool is_kill;
    } rows[] = {
        {"execute_code", "{\"command\":\"x\"}", true},
        {"execute_code", "{\"command\":\"x\",\"idempotency_key\":\"k\"}", false},
        {"execute_code_async", "{\"command\":\"x\",\"wait_seconds\":5}", false},
        {"get_execution_output", "{\"execution_id\":\"" PACK_ID "\",\"wait\":true}", false},
    };
    struct pack_fixture *f = *state;
    f->reactor.serve = reactor_parks;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct exchange *x = pack_send(f, rows[i].tool, rows[i].arguments);
        uint64_t serial = f->reactor.serial;
        hang_up(f, x);
        assert_int_equal(f->reactor.cancelled, serial);
        assert_int_equal(f->reactor.is_kill, rows[i].is_kill);
        assert_int_equal(f->reactor.serial, serial); /* nothing else was asked for */
    }
}

/* The start was under way home when the client went: only we know its id. */
static void a_start_that_nobody_waits_for_any_more_is_cancelled(void **state)
{
    struct pack_fixture *f = *state;
    f->reactor.serve = reactor_parks;
    struct exchange *x = pack_send(f, "execute_code", "{\"command\":\"x\"}");
    struct call *c = TAKE_PTR(f->reactor.parked);
    f->reactor.serve = reactor_answers;
    hang_up(f, x); /* the reactor finds nothing that is parked */
    reactor_answers(&f->reactor, c);
    memory_home_run(f->mcp.home);
    assert_int_equal(f->reactor.last.op, CALL_CANCEL);
    assert_string_equal(f->reactor.last.id, PACK_ID);
}

/* ---- waiting ---- */

static struct exchange *send_with_token(struct pack_fixture *f, const char *arguments)
{
    CLEANUP(buf_deinit) struct buf body = {0};
    buf_printf(&body,
               "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{"
               "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"" MODERN "\","
               "\"io.modelcontextprotocol/clientCapabilities\":{},\"progressToken\":\"p\"},"
               "\"name\":\"execute_code\",\"arguments\":%s}}",
               arguments);
    return mcp_modern_raw(&f->mcp, &(struct modern_spec){.body = body.data,
                                                         .version = MODERN,
                                                         .method = "tools/call",
                                                         .name = "execute_code"});
}

static void who_waits_hears_of_progress_every_second(void **state)
{
    struct pack_fixture *f = *state;
    pack_execution(f, "hello\n");
    clock_hold(5000000, 1);
    f->reactor.serve = reactor_parks;
    struct exchange *x = send_with_token(f, "{\"command\":\"x\",\"wait_seconds\":2.5}");
    for (unsigned i = 1; i <= 2; i++) {
        assert_int_equal(f->reactor.last.deadline_ms, 5000 + 1000 * i);
        assert_int_equal(f->reactor.last.op, i == 1 ? CALL_START : CALL_WAIT);
        clock_hold(5000000 + 1000000 * i, 1);
        reactor_release(f);
        assert_int_equal(count_events(x), i);
        CLEANUP(json_deletep) cJSON *event = event_json(x, i - 1);
        expect_str(event, "method", "notifications/progress");
        expect_int(event, "params.progress", 1000 * i);
        expect_str(event, "params.progressToken", "p");
    }
    assert_int_equal(f->reactor.last.op, CALL_WAIT);
    assert_int_equal(f->reactor.last.deadline_ms, 7500);
    pack_execution_ends(f, &ended_well);
    clock_hold(7200000, 1);
    reactor_release(f);
    CLEANUP(json_deletep) cJSON *last = event_json(x, 2);
    expect_str(last, "result.structuredContent.status", "completed");
    done(x);
}

/* The reactor lets go of all that wait when the server hands over: no use in waiting again. */
static void an_answer_before_its_time_is_passed_on(void **state)
{
    struct pack_fixture *f = *state;
    pack_execution(f, "hello\n");
    clock_hold(5000000, 1);
    f->reactor.serve = reactor_parks;
    struct exchange *x = send_with_token(f, "{\"command\":\"x\"}");
    clock_hold(5200000, 1);
    reactor_release(f);
    CLEANUP(json_deletep) cJSON *reply = reply_json(x);
    expect_str(reply, "result.structuredContent.status", "running");
    assert_int_equal(f->reactor.submitted, 1);
    done(x);
}

static void output_is_waited_for_as_asked(void **state)
{
#define OUTPUT_OF(more) "{\"execution_id\":\"" PACK_ID "\"" more "}"
    static const struct {
        const char *arguments;
        enum call_until until;
        uint64_t after_events, deadline_ms;
    } rows[] = {
        {OUTPUT_OF(""), CALL_UNTIL_NOTHING, 1, 305000},
        {OUTPUT_OF(",\"wait\":true"), CALL_UNTIL_ENDED, 1, 305000},
        {OUTPUT_OF(",\"wait_ms\":700"), CALL_UNTIL_GREW, 1, 5700},
        {OUTPUT_OF(",\"wait_ms\":700,\"last_event_id\":\"1\""), CALL_UNTIL_GREW, 2, 5700},
        {OUTPUT_OF(",\"wait_ms\":700,\"last_event_id\":\"0.00003\""), CALL_UNTIL_GREW, 1, 5700},
        {OUTPUT_OF(",\"wait\":true,\"wait_ms\":700"), CALL_UNTIL_ENDED, 1, 5700},
        {OUTPUT_OF(",\"until\":\"hello\""), CALL_UNTIL_NOTHING, 1, 305000},
    };
    struct pack_fixture *f = *state;
    pack_execution(f, "hello\n");
    clock_hold(5000000, 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(json_deletep) cJSON *r = pack_call(f, "get_execution_output", rows[i].arguments);
        assert_int_equal(f->reactor.last.op, CALL_WAIT);
        assert_int_equal(f->reactor.last.until, rows[i].until);
        assert_int_equal(f->reactor.last.after_events, rows[i].after_events);
        assert_int_equal(f->reactor.last.deadline_ms, rows[i].deadline_ms);
        expect_str(r, "structuredContent.status", "running");
        pack_conforms(f, "get_execution_output", r);
    }
}

static void until_waits_for_growth_until_it_matches(void **state)
{
    struct pack_fixture *f = *state;
    pack_execution(f, "hello\n");
    clock_hold(5000000, 1);
    f->reactor.serve = reactor_parks;
    struct exchange *x = pack_send(f, "get_execution_output", OUTPUT_OF(",\"until\":\"w.rld\""));
    reactor_release(f); /* how it is now */
    assert_int_equal(f->reactor.last.until, CALL_UNTIL_GREW);
    assert_int_equal(f->reactor.last.after_events, 2);
    journal_file_bytes(&f->journal, JOURNAL_STDOUT, 0, "world\n", 6);
    f->reactor.view.events = f->journal.events;
    reactor_release(f);
    CLEANUP(json_deletep) cJSON *reply = reply_json(x);
    assert_true(cJSON_IsTrue(json_at(reply, "result.structuredContent.matched")));
    expect_str(reply, "result.structuredContent.match", "world");
    expect_str(reply, "result.structuredContent.output.2.data", "world\n");
    pack_conforms(f, "get_execution_output", json_at(reply, "result"));
    done(x);
}

static void until_gives_up_at_its_time(void **state)
{
    struct pack_fixture *f = *state;
    pack_execution(f, "hello\n");
    clock_hold(5000000, 1);
    f->reactor.serve = reactor_parks;
    struct exchange *x =
        pack_send(f, "get_execution_output", OUTPUT_OF(",\"until\":\"no\",\"wait_ms\":300"));
    reactor_release(f);
    clock_hold(5300000, 1);
    reactor_release(f);
    CLEANUP(json_deletep) cJSON *reply = reply_json(x);
    assert_true(cJSON_IsFalse(json_at(reply, "result.structuredContent.matched")));
    expect_str(reply, "result.structuredContent.output.1.data", "hello\n");
    pack_conforms(f, "get_execution_output", json_at(reply, "result"));
    done(x);
}

/* ---- the other tools ---- */

static void input_gets_its_newline_once(void **state)
{
#define INPUT(more) "{\"execution_id\":\"" PACK_ID "\"," more "}"
    static const struct {
        const char *arguments, *input;
        bool is_eof;
    } rows[] = {
        {INPUT("\"input_data\":\"yes\""), "yes\n", false},
        {INPUT("\"input_data\":\"yes\\n\""), "yes\n", false},
        {INPUT("\"input_data\":\"yes\",\"newline\":false"), "yes", false},
        {INPUT("\"input_data\":\"\""), "\n", false},
        {INPUT("\"eof\":true"), "", true},
        {INPUT("\"input_data\":\"bye\",\"eof\":true"), "bye\n", true},
    };
    struct pack_fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(json_deletep) cJSON *r = pack_call(f, "send_stdin", rows[i].arguments);
        assert_true(cJSON_IsTrue(json_at(r, "structuredContent.success")));
        expect_int(r, "structuredContent.bytes_written", (int64_t)strlen(rows[i].input));
        assert_int_equal(f->reactor.last.input.len, strlen(rows[i].input));
        assert_memory_equal(f->reactor.input, rows[i].input, strlen(rows[i].input));
        assert_int_equal(f->reactor.last.input.eof, rows[i].is_eof);
        pack_conforms(f, "send_stdin", r);
    }
}

static void a_repeat_is_told_and_what_to_do_with_other_input(void **state)
{
    struct pack_fixture *f = *state;
    f->reactor.repeated = true;
    CLEANUP(json_deletep)
    cJSON *r = pack_call(f, "send_stdin", INPUT("\"input_data\":\"x\",\"input_id\":\"1\""));
    assert_true(cJSON_IsTrue(json_at(r, "structuredContent.success")));
    expect_int(r, "structuredContent.bytes_written", 0);
    const char *message = json_at(r, "structuredContent.message")->valuestring;
    assert_non_null(strstr(message, "takes another input_id"));
    pack_conforms(f, "send_stdin", r);
}

static void refused_input_says_why_and_conforms(void **state)
{
    struct pack_fixture *f = *state;
    f->reactor.outcome = CALL_E_NOT_INTERACTIVE;
    CLEANUP(json_deletep) cJSON *r = pack_call(f, "send_stdin", INPUT("\"input_data\":\"x\""));
    assert_true(cJSON_IsTrue(json_get(r, "isError")));
    assert_true(cJSON_IsFalse(json_at(r, "structuredContent.success")));
    expect_str(r, "structuredContent.error",
               "Execution is not interactive: start it with interactive=true");
    pack_conforms(f, "send_stdin", r);
    pack_refused(f, "send_stdin", INPUT("\"input_id\":\"a\""), "input_data is required");
}

static void a_cancellation_is_passed_on_as_asked(void **state)
{
    static const struct {
        const char *arguments;
        bool is_forced;
        int signo;
    } rows[] = {
        {OUTPUT_OF(""), false, 0},
        {OUTPUT_OF(",\"force\":true"), true, 0},
        {OUTPUT_OF(",\"signal\":\"INT\""), false, SIGINT},
        {OUTPUT_OF(",\"signal\":\"SIGUSR1\""), false, SIGUSR1},
    };
    struct pack_fixture *f = *state;
    f->reactor.was_running = true;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(json_deletep) cJSON *r = pack_call(f, "cancel_execution", rows[i].arguments);
        assert_int_equal(f->reactor.last.op, CALL_CANCEL);
        assert_int_equal(f->reactor.last.cancel.force, rows[i].is_forced);
        assert_int_equal(f->reactor.last.cancel.signo, rows[i].signo);
        assert_true(cJSON_IsTrue(json_at(r, "structuredContent.was_running")));
        pack_conforms(f, "cancel_execution", r);
    }
    pack_refused(f, "cancel_execution", OUTPUT_OF(",\"signal\":\"FOO\""), "the name of a signal");
    pack_refused(f, "cancel_execution", OUTPUT_OF(",\"signal\":\"INT\",\"force\":true"),
                 "exclude each other");
}

static void a_signal_to_what_has_ended_is_refused(void **state)
{
    struct pack_fixture *f = *state;
    f->reactor.view.status = EXECUTION_COMPLETED;
    pack_refused(f, "cancel_execution", OUTPUT_OF(",\"signal\":\"INT\""),
                 "Execution already completed");
    CLEANUP(json_deletep) cJSON *r = pack_call(f, "cancel_execution", OUTPUT_OF(""));
    assert_true(cJSON_IsFalse(json_at(r, "structuredContent.was_running")));
    assert_true(cJSON_IsTrue(json_at(r, "structuredContent.success")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PACK_TEST(what_ended_is_answered_with_its_end),
        PACK_TEST(text_is_plain_and_closes_with_the_status),
        PACK_TEST(what_still_runs_is_handed_back),
        PACK_TEST(nobody_waits_when_the_client_does_not_want_to),
        PACK_TEST(what_waits_in_line_says_where),
        PACK_TEST(an_end_without_a_start_has_no_exit_code),
        PACK_TEST(each_refusal_is_told_in_words),
        PACK_TEST(a_balancer_hears_of_what_another_may_take),
        cmocka_unit_test(an_id_is_repeated_in_a_header_only_where_that_is_configured),
        PACK_TEST(a_cancelled_request_ends_what_it_waits_for),
        PACK_TEST(a_start_that_nobody_waits_for_any_more_is_cancelled),
        PACK_TEST(who_waits_hears_of_progress_every_second),
        PACK_TEST(an_answer_before_its_time_is_passed_on),
        PACK_TEST(output_is_waited_for_as_asked),
        PACK_TEST(until_waits_for_growth_until_it_matches),
        PACK_TEST(until_gives_up_at_its_time),
        PACK_TEST(input_gets_its_newline_once),
        PACK_TEST(a_repeat_is_told_and_what_to_do_with_other_input),
        PACK_TEST(refused_input_says_why_and_conforms),
        PACK_TEST(a_cancellation_is_passed_on_as_asked),
        PACK_TEST(a_signal_to_what_has_ended_is_refused),
    };
    return cmocka_run_group_tests_name("tools", tests, NULL, NULL);
}
