/* HTTP+SSE, the transport of 2024-11-05. */
#include "state/base/clock.h"
#include "tests/unit/mcp_fixture.h"

#define PING(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"ping\"}"

static const struct exchange_header get_headers[] = {{"accept", "text/event-stream"}, {NULL, NULL}};
static const struct exchange_header post_headers[] = {{"content-type", "application/json"},
                                                      {"accept", "text/html"}, /* not looked at */
                                                      {NULL, NULL}};

/* Opens a channel; *ret_query is the query to post to, malloc'd. */
static struct exchange *open_channel(struct mcp_fixture *f, const char *path, char **ret_query)
{
    struct exchange *x = mcp_send(
        f, &(struct memory_request){.method = "GET", .path = path, .headers = get_headers});
    struct buf begin = {0};

    assert_int_equal(memory_status(x), 200);
    assert_string_equal(memory_content_type(x), "text/event-stream");
    assert_string_equal(memory_reply_header(x, "x-accel-buffering"), "no");
    assert_null(memory_reply_header(x, "mcp-session-id"));
    buf_printf(&begin, "event: endpoint\ndata: %s?", path);
    assert_memory_equal(memory_body(x), begin.data, begin.len);
    const char *query = memory_body(x) + begin.len;
    *ret_query = xstrndup(query, strcspn(query, "\n"));
    assert_memory_equal(*ret_query, "sessionId=r1-", 13);
    buf_deinit(&begin);
    memory_clear_body(x);
    return x;
}

static int post_as(struct mcp_fixture *f, const char *query, const char *principal,
                   const char *body)
{
    struct exchange *x = mcp_send(
        f, &(struct memory_request){
               .query = query, .principal = principal, .body = body, .headers = post_headers});
    int status = memory_status(x);

    if (status == 202)
        assert_string_equal(memory_body(x), "");
    done(x);
    return status;
}

static int post(struct mcp_fixture *f, const char *query, const char *body)
{
    return post_as(f, query, NULL, body);
}

static void initialize(struct mcp_fixture *f, const char *query, const char *revision)
{
    struct buf body = {0};

    buf_printf(&body,
               "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{"
               "\"protocolVersion\":\"%s\",\"capabilities\":{\"sampling\":{}},"
               "\"clientInfo\":{\"name\":\"old\",\"version\":\"1\"}}}",
               revision);
    assert_int_equal(post(f, query, body.data), 202);
    buf_deinit(&body);
}

/* The client closes it. */
static void close_channel(struct mcp_fixture *f, struct exchange *x)
{
    memory_client_goes(x);
    memory_home_run(f->home);
    done(x);
}

static void answers_come_on_the_channel(void **state)
{
    static const char *const paths[] = {"/mcp", "/sse", "/mcp/sse"};

    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        CLEANUP(free_p) char *query = NULL;
        struct exchange *x = open_channel(*state, paths[i], &query);

        initialize(*state, query, "2024-11-05");
        CLEANUP(json_deletep) cJSON *hello = event_json(x, 0);
        expect_str(hello, "result.protocolVersion", "2024-11-05");
        assert_int_equal(
            post(*state, query, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}"),
            202);
        assert_int_equal(count_events(x), 1);
        assert_int_equal(post(*state, query, PING("\"p\"")), 202);
        CLEANUP(json_deletep) cJSON *pong = event_json(x, 1);
        expect_str(pong, "id", "p");
        struct exchange *same = mcp_send(*state, &(struct memory_request){.path = paths[i],
                                                                          .query = query,
                                                                          .body = PING("2"),
                                                                          .headers = post_headers});
        assert_int_equal(memory_status(same), 202);
        assert_int_equal(count_events(x), 3);
        done(same);
        close_channel(*state, x);
    }
}

static void newer_revisions_are_negotiated_over_it(void **state)
{
    CLEANUP(free_p) char *query = NULL;
    struct exchange *x = open_channel(*state, "/mcp", &query);

    initialize(*state, query, "2025-11-25");
    CLEANUP(json_deletep) cJSON *hello = event_json(x, 0);
    expect_str(hello, "result.protocolVersion", "2025-11-25");
    close_channel(*state, x);
}

static void requests_before_initialize_are_served(void **state)
{
    CLEANUP(free_p) char *query = NULL;
    struct exchange *x = open_channel(*state, "/mcp", &query);

    assert_int_equal(post(*state, query, PING("1")), 202);
    assert_int_equal(count_events(x), 1);
    close_channel(*state, x);
}

static void bad_posts_are_refused(void **state)
{
    CLEANUP(free_p) char *query = NULL;
    struct exchange *x = open_channel(*state, "/mcp", &query);

    assert_int_equal(post(*state, "sessionId=r1-unknown", PING("1")), 404);
    assert_int_equal(post(*state, "sessionId=", PING("1")), 404);
    assert_int_equal(post_as(*state, query, "mallory", PING("1")), 404);
    assert_int_equal(post(*state, query, "{"), 400);
    assert_int_equal(post(*state, query, "{\"id\":1}"), 400);
    assert_int_equal(post(*state, query, "7"), 400);
    assert_int_equal(post(*state, query, "[" PING("1") "]"), 400);
    assert_int_equal(count_events(x), 0);

    struct exchange *sse = mcp_send(
        *state,
        &(struct memory_request){.path = "/sse", .body = PING("1"), .headers = post_headers});
    expect_error(sse, 405, -32000, NULL);
    struct exchange *options =
        mcp_send(*state, &(struct memory_request){.method = "OPTIONS", .path = "/sse"});
    assert_int_equal(memory_status(options), 204);
    assert_string_equal(memory_reply_header(options, "allow"), "GET, POST, OPTIONS");
    done(options);
    close_channel(*state, x);
}

static void other_parameters_do_not_matter(void **state)
{
    CLEANUP(free_p) char *query = NULL;
    struct exchange *x = open_channel(*state, "/mcp", &query);
    struct buf longer = {0};

    buf_printf(&longer, "a=b&%s&c=d", query);
    assert_int_equal(post(*state, longer.data, PING("1")), 202);
    buf_deinit(&longer);
    /* without the parameter it is an ordinary request, that lacks a session */
    assert_int_equal(post(*state, "xsessionId=1", PING("1")), 406);
    close_channel(*state, x);
}

static void batches_run_when_the_revision_has_them(void **state)
{
    CLEANUP(free_p) char *query = NULL;
    struct exchange *x = open_channel(*state, "/mcp", &query);

    initialize(*state, query, "2025-03-26");
    memory_clear_body(x);
    assert_int_equal(post(*state, query, "[" PING("1") "," PING("2") "]"), 202);
    assert_int_equal(count_events(x), 2);
    assert_int_equal(post(*state, query, "[]"), 400);
    close_channel(*state, x);
}

static void the_end_of_the_channel_ends_the_session(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *query = NULL;
    struct exchange *x = open_channel(f, "/mcp", &query);

    initialize(f, query, "2024-11-05");
    assert_int_equal(sessions_count(f->sessions), 1);
    initialize(f, query, "2024-11-05"); /* begins anew: the first one ends */
    assert_int_equal(sessions_count(f->sessions), 1);
    close_channel(f, x);
    assert_int_equal(sessions_count(f->sessions), 0);
    assert_int_equal(post(f, query, PING("1")), 404);
}

static void a_request_outlives_its_channel(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *query = NULL;
    struct exchange *x = open_channel(f, "/mcp", &query);
    static const char *const call = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\","
                                    "\"params\":{\"name\":\"park\"}}";

    initialize(f, query, "2024-11-05");
    assert_int_equal(post(f, query, call), 202);
    close_channel(f, x);
    assert_int_equal(f->pack.n_cancelled, 0);
    mcp_answer(f, "nobody hears it");
}

static void questions_are_asked_on_the_channel(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *query = NULL;
    struct exchange *x = open_channel(f, "/mcp", &query);

    initialize(f, query, "2024-11-05");
    memory_clear_body(x);
    assert_int_equal(post(f, query,
                          "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{"
                          "\"name\":\"ask\"}}"),
                     202);
    CLEANUP(json_deletep) cJSON *question = event_json(x, 0);
    expect_str(question, "method", "sampling/createMessage");
    struct buf answer = {0};
    buf_printf(&answer, "{\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{\"text\":\"yes\"}}",
               json_at(question, "id")->valueint);
    assert_int_equal(post(f, query, answer.data), 202);
    buf_deinit(&answer);
    CLEANUP(json_deletep) cJSON *reply = event_json(x, 1);
    expect_str(reply, "result.content.0.text", "yes");
    close_channel(f, x);
}

static void questions_end_with_the_channel(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *query = NULL;
    struct exchange *x = open_channel(f, "/mcp", &query);

    initialize(f, query, "2024-11-05");
    assert_int_equal(post(f, query,
                          "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{"
                          "\"name\":\"ask\"}}"),
                     202);
    assert_int_equal(f->pack.n_answers, 0);
    close_channel(f, x);
    assert_int_equal(f->pack.n_answers, 1);
}

static void requests_under_way_are_bounded(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *query = NULL;
    struct exchange *x = open_channel(f, "/mcp", &query);
    static const char *const call = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\","
                                    "\"params\":{\"name\":\"ask\"}}";

    initialize(f, query, "2024-11-05");
    int status = 202, n = 0;
    for (; status == 202 && n < 1000; n++)
        status = post(f, query, call);
    assert_int_equal(status, 429);
    assert_int_equal(n, 128 + 1);
    /* they wait for answers that never come, up to five minutes */
    clock_hold(clock_mono_us(), clock_real_us());
    clock_hold(clock_mono_us() + 400 * 1000000ull, clock_real_us());
    memory_home_run(f->home);
    assert_int_equal(f->pack.n_answers, 128);
    assert_int_equal(post(f, query, PING("1")), 202);
    close_channel(f, x);
}

static void draining_ends_idle_channels_and_waits_for_others(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *idle_query = NULL, *busy_query = NULL;
    struct exchange *idle = open_channel(f, "/mcp", &idle_query);
    struct exchange *busy = open_channel(f, "/mcp", &busy_query);

    initialize(f, busy_query, "2024-11-05");
    assert_int_equal(post(f, busy_query,
                          "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{"
                          "\"name\":\"park\"}}"),
                     202);
    mcp_drain(f->mcp);
    memory_home_run(f->home);
    assert_int_equal(memory_phase(idle), MEMORY_ENDED);
    assert_int_equal(memory_phase(busy), MEMORY_STREAMING);
    memory_clear_body(busy);
    mcp_answer(f, "done");
    CLEANUP(json_deletep) cJSON *reply = event_json(busy, 0);
    expect_str(reply, "result.content.0.text", "done");
    assert_int_equal(memory_phase(busy), MEMORY_ENDED);

    struct exchange *late =
        mcp_send(f, &(struct memory_request){.method = "GET", .headers = get_headers});
    assert_int_equal(memory_phase(late), MEMORY_ENDED);
    done(late);
    done(idle);
    done(busy);
}

static void too_many_streams_are_refused(void **state)
{
    struct mcp_fixture *f = *state;

    memory_home_limit_streams(f->home, 0);
    expect_error(mcp_send(f, &(struct memory_request){.method = "GET", .headers = get_headers}),
                 503, -32603, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MCP_TEST(answers_come_on_the_channel),
        MCP_TEST(newer_revisions_are_negotiated_over_it),
        MCP_TEST(requests_before_initialize_are_served),
        MCP_TEST(bad_posts_are_refused),
        MCP_TEST(other_parameters_do_not_matter),
        MCP_TEST(batches_run_when_the_revision_has_them),
        MCP_TEST(the_end_of_the_channel_ends_the_session),
        MCP_TEST(a_request_outlives_its_channel),
        MCP_TEST(questions_are_asked_on_the_channel),
        MCP_TEST(questions_end_with_the_channel),
        MCP_TEST(requests_under_way_are_bounded),
        MCP_TEST(draining_ends_idle_channels_and_waits_for_others),
        MCP_TEST(too_many_streams_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
