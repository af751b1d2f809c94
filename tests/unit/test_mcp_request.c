/* The life of a request: notifications on its stream, waiting, cancelling, the client's leaving. */
#include <stdio.h>

#include "state/base/clock.h"
#include "tests/unit/mcp_fixture.h"

#define CALL(id, params) \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"tools/call\",\"params\":{" params "}}"
#define PARK "\"name\":\"park\""

static void pass_ms(struct mcp_fixture *f, uint64_t ms)
{
    clock_hold(clock_mono_us() + ms * 1000, clock_real_us());
    memory_home_run(f->home);
}

/* ---- progress and logs ---- */

#define PROGRESS(token, steps) "\"name\":\"progress\",\"arguments\":{\"steps\":[" steps "]}" token

static void progress_comes_on_the_stream_of_the_request(void **state)
{
    CLEANUP(free_p) char *session = mcp_initialize(*state, "2025-06-18", "{}");
    struct exchange *x =
        mcp_post(*state, session,
                 CALL("1", PROGRESS(",\"_meta\":{\"progressToken\":12345678901234567890}",
                                    "0,50,50,40,100")));

    assert_string_equal(memory_content_type(x), "text/event-stream");
    assert_string_equal(memory_reply_header(x, "x-accel-buffering"), "no");
    assert_string_equal(memory_reply_header(x, "cache-control"), "no-cache, no-transform");
    assert_int_equal(memory_phase(x), MEMORY_ENDED);
    static const int64_t values[] = {0, 50, 100}; /* it only ever grows */
    for (unsigned i = 0; i < 3; i++) {
        CLEANUP(json_deletep) cJSON *note = event_json(x, i);
        expect_str(note, "method", "notifications/progress");
        expect_int(note, "params.progress", values[i]);
        expect_int(note, "params.total", 100);
        expect_str(note, "params.message", "working");
    }
    assert_non_null(strstr(memory_body(x), "\"progressToken\":12345678901234567890"));
    CLEANUP(json_deletep) cJSON *log = event_json(x, 3); /* no level was set: from info up */
    expect_str(log, "params.level", "warning");
    CLEANUP(json_deletep) cJSON *reply = event_json(x, 4);
    expect_str(reply, "result.content.0.text", "done");
    assert_int_equal(count_events(x), 5);
    done(x);
}

static void a_batch_with_progress_becomes_a_stream(void **state)
{
    CLEANUP(free_p) char *session = mcp_initialize(*state, "2025-03-26", "{}");
    struct buf body = {0};

    buf_printf(&body, "[%s,%s]", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}",
               CALL("2", PROGRESS(",\"_meta\":{\"progressToken\":1}", "7")));
    struct exchange *x = mcp_post(*state, session, body.data);
    buf_deinit(&body);
    assert_int_equal(count_events(x), 4); /* what was answered before comes first */
    CLEANUP(json_deletep) cJSON *pong = event_json(x, 0);
    expect_int(pong, "id", 1);
    CLEANUP(json_deletep) cJSON *progress = event_json(x, 1);
    expect_int(progress, "params.progress", 7);
    CLEANUP(json_deletep) cJSON *reply = event_json(x, 3);
    expect_int(reply, "id", 2);
    assert_int_equal(memory_phase(x), MEMORY_ENDED);
    done(x);
}

static void progress_needs_a_token_and_a_stream(void **state)
{
    CLEANUP(free_p) char *session = mcp_initialize(*state, "2024-11-05", "{}");
    const struct exchange_header json_only[] = {{"content-type", "application/json"},
                                                {"accept", "application/json"},
                                                {"mcp-session-id", session},
                                                {NULL, NULL}};
    struct exchange *x = mcp_post(*state, session, CALL("1", PROGRESS("", "1,2")));
    assert_int_equal(count_events(x), 2); /* the log and the answer */
    done(x);

    x = mcp_post(*state, session, CALL("1", PROGRESS(",\"_meta\":{\"progressToken\":\"t\"}", "1")));
    CLEANUP(json_deletep) cJSON *note = event_json(x, 0);
    expect_str(note, "params.progressToken", "t");
    assert_false(json_has(note, "params.message")); /* of a later revision */
    done(x);

    x = mcp_send(*state, &(struct memory_request){
                             .body = CALL("1", PROGRESS(",\"_meta\":{\"progressToken\":1}", "1")),
                             .headers = json_only});
    CLEANUP(json_deletep) cJSON *reply = reply_json(x);
    expect_str(reply, "result.content.0.text", "done");
    done(x);
}

static void progress_is_limited_to_ten_a_second(void **state)
{
    struct buf steps = {0}, body = {0};

    clock_hold(clock_mono_us(), clock_real_us());
    CLEANUP(free_p) char *session = mcp_initialize(*state, "2025-06-18", "{}");
    for (int i = 1; i <= 100; i++)
        buf_printf(&steps, "%s%d", i > 1 ? "," : "", i);
    buf_printf(&body, CALL("1", PROGRESS(",\"_meta\":{\"progressToken\":1}", "%s")), steps.data);
    struct exchange *x = mcp_post(*state, session, body.data);
    assert_int_equal(count_events(x), 10 + 2);
    done(x);
    buf_deinit(&steps);
    buf_deinit(&body);
}

static void logs_follow_the_level_of_the_session(void **state)
{
    CLEANUP(free_p) char *session = mcp_initialize(*state, "2025-11-25", "{}");
    static const struct {
        const char *level;
        unsigned events; /* with the answer; a reply without logs is plain JSON: 0 */
    } levels[] = {{"debug", 3}, {"warning", 2}, {"error", 0}};

    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        struct buf body = {0};
        buf_printf(&body,
                   "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"logging/setLevel\",\"params\":{"
                   "\"level\":\"%s\"}}",
                   levels[i].level);
        done(mcp_post(*state, session, body.data));
        buf_deinit(&body);
        struct exchange *x = mcp_post(*state, session, CALL("1", PROGRESS("", "")));
        assert_int_equal(count_events(x), levels[i].events);
        done(x);
    }
}

static void modern_logs_are_wanted_by_each_request(void **state)
{
    struct exchange *x = mcp_modern(*state, "tools/call", "progress", PROGRESS("", ""));
    assert_string_equal(memory_content_type(x), "application/json");
    done(x);

    x = mcp_modern_raw(
        *state, &(struct modern_spec){
                    .body = CALL("1", "\"name\":\"progress\",\"_meta\":{"
                                      "\"io.modelcontextprotocol/protocolVersion\":\"" MODERN "\","
                                      "\"io.modelcontextprotocol/clientCapabilities\":{},"
                                      "\"io.modelcontextprotocol/logLevel\":\"debug\"}"),
                    .version = MODERN,
                    .method = "tools/call",
                    .name = "progress"});
    assert_int_equal(count_events(x), 3);
    CLEANUP(json_deletep) cJSON *log = event_json(x, 0);
    expect_str(log, "method", "notifications/message");
    expect_str(log, "params.logger", "t");
    assert_null(strstr(memory_body(x), "\nid:"));
    done(x);
}

/* ---- waiting ---- */

static void a_short_wait_ends_in_plain_json(void **state)
{
    struct mcp_fixture *f = *state;

    clock_hold(clock_mono_us(), clock_real_us());
    struct exchange *x = mcp_modern(f, "tools/call", "park", PARK);
    pass_ms(f, 9000);
    assert_int_equal(memory_phase(x), MEMORY_WAITING);
    mcp_answer(f, "now");
    CLEANUP(json_deletep) cJSON *reply = reply_json(x);
    expect_str(reply, "result.content.0.text", "now");
    done(x);
}

static void a_long_wait_becomes_a_stream(void **state)
{
    struct mcp_fixture *f = *state;

    clock_hold(clock_mono_us(), clock_real_us());
    struct exchange *x = mcp_modern(f, "tools/call", "park", PARK);
    for (int i = 0; i < 12; i++)
        pass_ms(f, 1000);
    assert_int_equal(memory_phase(x), MEMORY_STREAMING);
    assert_int_equal(count_events(x), 0);
    mcp_answer(f, "at last");
    CLEANUP(json_deletep) cJSON *reply = event_json(x, 0);
    expect_str(reply, "result.content.0.text", "at last");
    assert_int_equal(memory_phase(x), MEMORY_ENDED);
    done(x);
}

static void without_room_for_streams_a_long_wait_stays_json(void **state)
{
    struct mcp_fixture *f = *state;

    clock_hold(clock_mono_us(), clock_real_us());
    memory_home_limit_streams(f->home, 0);
    struct exchange *x = mcp_modern(f, "tools/call", "park", PARK);
    for (int i = 0; i < 12; i++)
        pass_ms(f, 1000);
    assert_int_equal(memory_phase(x), MEMORY_WAITING);
    mcp_answer(f, "at last");
    assert_string_equal(memory_content_type(x), "application/json");
    done(x);
}

/* ---- cancelling ---- */

static void cancel(struct mcp_fixture *f, const char *session, const char *id)
{
    struct buf body = {0};

    buf_printf(&body,
               "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{"
               "\"requestId\":%s,\"reason\":\"test\"}}",
               id);
    struct exchange *x = mcp_post(f, session, body.data);
    assert_int_equal(memory_status(x), 202);
    buf_deinit(&body);
    done(x);
}

static void a_cancelled_request_ends_without_answer(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *session = mcp_initialize(f, "2025-06-18", "{}");
    struct exchange *x = mcp_post(f, session, CALL("\"a\\u0062\"", PARK));

    cancel(f, session, "\"other\"");
    cancel(f, session, "7");
    assert_int_equal(f->pack.n_cancelled, 0);
    cancel(f, session, "\"ab\"");
    assert_int_equal(f->pack.n_cancelled, 1);
    assert_false(mcp_request_is_live(f->pack.parked));
    assert_int_equal(memory_phase(x), MEMORY_ENDED);
    assert_string_equal(memory_body(x), "");
    mcp_answer(f, "too late"); /* does nothing */
    assert_string_equal(memory_body(x), "");
    cancel(f, session, "\"ab\""); /* late: nothing is there */
    assert_int_equal(f->pack.n_cancelled, 1);
    done(x);
}

static void a_request_of_another_session_is_not_cancelled(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *session = mcp_initialize(f, "2025-06-18", "{}");
    CLEANUP(free_p) char *other = mcp_initialize(f, "2025-06-18", "{}");
    struct exchange *x = mcp_post(f, session, CALL("1", PARK));

    cancel(f, other, "1");
    cancel(f, session, "\"1\"");
    assert_int_equal(f->pack.n_cancelled, 0);
    mcp_answer(f, "fine");
    assert_int_equal(memory_status(x), 200);
    done(x);
}

static void a_handler_that_does_not_listen_answers_in_vain(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *session = mcp_initialize(f, "2025-06-18", "{}");

    f->pack.is_deaf = true;
    struct exchange *x = mcp_post(f, session, CALL("1", PARK));
    cancel(f, session, "1");
    assert_int_equal(memory_phase(x), MEMORY_ENDED);
    mcp_answer(f, "too late");
    assert_string_equal(memory_body(x), "");
    done(x);
}

static void a_cancelled_reply_without_stream_is_empty(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *session = mcp_initialize(f, "2025-06-18", "{}");
    const struct exchange_header headers[] = {{"content-type", "application/json"},
                                              {"accept", "application/json"},
                                              {"mcp-session-id", session},
                                              {NULL, NULL}};
    struct exchange *x =
        mcp_send(f, &(struct memory_request){.body = CALL("1", PARK), .headers = headers});

    cancel(f, session, "1");
    assert_int_equal(memory_status(x), 202);
    assert_string_equal(memory_body(x), "");
    done(x);
}

static void a_modern_client_cancels_by_leaving(void **state)
{
    struct mcp_fixture *f = *state;
    struct exchange *x = mcp_modern(f, "tools/call", "park", PARK);

    memory_client_goes(x);
    memory_home_run(f->home);
    assert_int_equal(f->pack.n_cancelled, 1);
    mcp_answer(f, "too late");
    done(x);
}

static void a_legacy_client_does_not(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *session = mcp_initialize(f, "2025-11-25", "{}");
    struct exchange *x = mcp_post(f, session, CALL("1", PARK));

    memory_client_goes(x);
    memory_home_run(f->home);
    assert_int_equal(f->pack.n_cancelled, 0);
    assert_false(mcp_request_is_live(f->pack.parked));
    mcp_answer(f, "nobody hears it");
    done(x);

    x = mcp_post(f, session, CALL("1", PARK)); /* but it can still say so */
    memory_client_goes(x);
    memory_home_run(f->home);
    cancel(f, session, "1");
    assert_int_equal(f->pack.n_cancelled, 1);
    done(x);
}

/* ---- asking ---- */

static void answer(struct mcp_fixture *f, const char *session, int id, const char *rest)
{
    struct buf body = {0};

    buf_printf(&body, "{\"jsonrpc\":\"2.0\",\"id\":%d,%s}", id, rest);
    struct exchange *x = mcp_post(f, session, body.data);
    assert_int_equal(memory_status(x), 202);
    buf_deinit(&body);
    done(x);
}

static int question_id(const struct exchange *x)
{
    CLEANUP(json_deletep) cJSON *question = event_json(x, 0);

    expect_str(question, "method", "sampling/createMessage");
    return json_at(question, "id")->valueint;
}

static void a_question_is_answered_by_another_post(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *session = mcp_initialize(f, "2025-06-18", "{\"sampling\":{}}");
    CLEANUP(free_p) char *other = mcp_initialize(f, "2025-06-18", "{\"sampling\":{}}");
    struct exchange *x = mcp_post(f, session, CALL("1", "\"name\":\"ask\""));
    int id = question_id(x);

    answer(f, other, id, "\"result\":{\"text\":\"forged\"}");
    answer(f, session, id + 1, "\"result\":{\"text\":\"wrong\"}");
    assert_int_equal(f->pack.n_answers, 0);
    answer(f, session, id, "\"result\":{\"text\":\"right\"}");
    answer(f, session, id, "\"result\":{\"text\":\"again\"}");
    assert_int_equal(f->pack.n_answers, 1);
    CLEANUP(json_deletep) cJSON *reply = event_json(x, 1);
    expect_str(reply, "result.content.0.text", "right");
    assert_int_equal(memory_phase(x), MEMORY_ENDED);
    done(x);
}

static void an_error_or_silence_is_no_answer(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *session = mcp_initialize(f, "2025-06-18", "{\"sampling\":{}}");
    struct exchange *x = mcp_post(f, session, CALL("1", "\"name\":\"ask\""));

    answer(f, session, question_id(x), "\"error\":{\"code\":-1,\"message\":\"no\"}");
    CLEANUP(json_deletep) cJSON *reply = event_json(x, 1);
    expect_str(reply, "result.content.0.text", "no answer");
    done(x);

    clock_hold(clock_mono_us(), clock_real_us());
    x = mcp_post(f, session, CALL("2", "\"name\":\"ask\""));
    int id = question_id(x);
    pass_ms(f, 301000);
    CLEANUP(json_deletep) cJSON *late = event_json(x, 1);
    expect_str(late, "result.content.0.text", "no answer");
    answer(f, session, id, "\"result\":{\"text\":\"too late\"}");
    assert_int_equal(f->pack.n_answers, 2);
    done(x);
}

static void a_question_ends_with_its_request(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *session = mcp_initialize(f, "2025-06-18", "{\"sampling\":{}}");
    struct exchange *x = mcp_post(f, session, CALL("1", "\"name\":\"ask\""));

    cancel(f, session, "1");
    assert_int_equal(f->pack.n_answers, 1);
    assert_int_equal(memory_phase(x), MEMORY_ENDED);
    assert_int_equal(count_events(x), 1);
    done(x);

    x = mcp_post(f, session, CALL("1", "\"name\":\"ask\""));
    memory_client_goes(x);
    memory_home_run(f->home);
    assert_int_equal(f->pack.n_answers, 2);
    done(x);

    const struct exchange_header headers[] = {{"mcp-session-id", session}, {NULL, NULL}};
    x = mcp_post(f, session, CALL("1", "\"name\":\"ask\""));
    done(mcp_send(f, &(struct memory_request){.method = "DELETE", .headers = headers}));
    assert_int_equal(f->pack.n_answers, 3);
    assert_int_equal(memory_phase(x), MEMORY_ENDED);
    done(x);
}

static void open_questions_are_bounded(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *session = mcp_initialize(f, "2025-06-18", "{\"sampling\":{}}");
    struct exchange *x[1024];

    memory_home_limit_streams(f->home, 2000);
    for (size_t i = 0; i < ARRAY_LEN(x); i++)
        x[i] = mcp_post(f, session, CALL("1", "\"name\":\"ask\""));
    struct exchange *more = mcp_post(f, session, CALL("1", "\"name\":\"ask\""));
    CLEANUP(json_deletep) cJSON *reply = event_json(more, 0);
    expect_str(reply, "result.content.0.text", "can't ask");
    done(more);
    for (size_t i = 0; i < ARRAY_LEN(x); i++) {
        memory_client_goes(x[i]);
        memory_home_run(f->home);
        done(x[i]);
    }
    assert_int_equal(f->pack.n_answers, ARRAY_LEN(x));
}

static void only_clients_that_can_are_asked(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *plain = mcp_initialize(f, "2025-06-18", "{\"roots\":{}}");
    CLEANUP(free_p) char *old = mcp_initialize(f, "2025-03-26", "{\"elicitation\":{}}");
    static const char *const elicit =
        CALL("1", "\"name\":\"ask\",\"arguments\":{\"method\":\"elicitation/create\"}");
    const struct {
        const char *session, *body;
    } cases[] = {
        {plain, CALL("1", "\"name\":\"ask\"")},
        {plain, elicit},
        {old, elicit}, /* its revision does not know it */
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct exchange *x = mcp_post(f, cases[i].session, cases[i].body);
        CLEANUP(json_deletep) cJSON *reply = reply_json(x);
        expect_str(reply, "result.content.0.text", "can't ask");
        done(x);
    }
    struct exchange *x = mcp_modern(f, "tools/call", "ask", "\"name\":\"ask\"");
    CLEANUP(json_deletep) cJSON *reply = reply_json(x);
    assert_true(cJSON_IsTrue(json_at(reply, "result.isError")));
    done(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MCP_TEST(progress_comes_on_the_stream_of_the_request),
        MCP_TEST(a_batch_with_progress_becomes_a_stream),
        MCP_TEST(progress_needs_a_token_and_a_stream),
        MCP_TEST(progress_is_limited_to_ten_a_second),
        MCP_TEST(logs_follow_the_level_of_the_session),
        MCP_TEST(modern_logs_are_wanted_by_each_request),
        MCP_TEST(a_short_wait_ends_in_plain_json),
        MCP_TEST(a_long_wait_becomes_a_stream),
        MCP_TEST(without_room_for_streams_a_long_wait_stays_json),
        MCP_TEST(a_cancelled_request_ends_without_answer),
        MCP_TEST(a_request_of_another_session_is_not_cancelled),
        MCP_TEST(a_handler_that_does_not_listen_answers_in_vain),
        MCP_TEST(a_cancelled_reply_without_stream_is_empty),
        MCP_TEST(a_modern_client_cancels_by_leaving),
        MCP_TEST(a_legacy_client_does_not),
        MCP_TEST(a_question_is_answered_by_another_post),
        MCP_TEST(an_error_or_silence_is_no_answer),
        MCP_TEST(a_question_ends_with_its_request),
        MCP_TEST(open_questions_are_bounded),
        MCP_TEST(only_clients_that_can_are_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
