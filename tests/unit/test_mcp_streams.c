/* Long-lived streams: the GET stream of a session, subscriptions/listen, and what is sent there. */
#include <stdio.h>

#include "state/base/clock.h"
#include "tests/unit/mcp_fixture.h"

#define NOTE(id, method, params) \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"" method "\",\"params\":{" params "}}"

static struct exchange *open_stream(struct mcp_fixture *f, const char *session)
{
    const struct exchange_header headers[] = {{"accept", "application/json, text/event-stream"},
                                              {"mcp-session-id", session},
                                              {NULL, NULL}};
    return mcp_send(f, &(struct memory_request){.method = "GET", .headers = headers});
}

static void close_stream(struct mcp_fixture *f, struct exchange *x)
{
    memory_client_goes(x);
    memory_home_run(f->home);
    done(x);
}

static void updated(struct mcp_fixture *f, const char *principal, const char *uri)
{
    mcp_resource_updated(f->mcp, principal, uri);
    memory_home_run(f->home);
}

static void subscribe(struct mcp_fixture *f, const char *session, const char *uri)
{
    struct buf body = {0};

    buf_printf(&body, NOTE("1", "resources/subscribe", "\"uri\":\"%s\""), uri);
    struct exchange *x = mcp_post(f, session, body.data);
    assert_string_equal(memory_body(x), "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
    buf_deinit(&body);
    done(x);
}

static void a_session_hears_of_what_it_subscribed_to(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *session = mcp_initialize(f, "2025-06-18", "{}");
    struct exchange *x = open_stream(f, session);

    assert_int_equal(memory_status(x), 200);
    subscribe(f, session, "mem://a");
    subscribe(f, session, "mem://a"); /* once is enough */
    updated(f, "alice", "mem://a");
    assert_int_equal(count_events(x), 1);
    CLEANUP(json_deletep) cJSON *note = event_json(x, 0);
    expect_str(note, "method", "notifications/resources/updated");
    expect_str(note, "params.uri", "mem://a");
    assert_false(json_has(note, "params._meta"));

    updated(f, "alice", "mem://b");
    updated(f, "mallory", "mem://a");
    assert_int_equal(count_events(x), 1);
    updated(f, NULL, "mem://a");
    assert_int_equal(count_events(x), 2);

    done(mcp_post(f, session, NOTE("1", "resources/unsubscribe", "\"uri\":\"mem://a\"")));
    updated(f, "alice", "mem://a");
    assert_int_equal(count_events(x), 2);
    close_stream(f, x);
}

static void subscriptions_outlive_a_reconnect_but_not_the_session(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *session = mcp_initialize(f, "2025-06-18", "{}");
    const struct exchange_header headers[] = {{"mcp-session-id", session}, {NULL, NULL}};

    subscribe(f, session, "mem://a"); /* before there is a stream */
    close_stream(f, open_stream(f, session));
    updated(f, "alice", "mem://a"); /* nobody listens */
    struct exchange *x = open_stream(f, session);
    updated(f, "alice", "mem://a");
    assert_int_equal(count_events(x), 1);

    done(mcp_send(f, &(struct memory_request){.method = "DELETE", .headers = headers}));
    assert_int_equal(memory_phase(x), MEMORY_ENDED);
    updated(f, "alice", "mem://a");
    assert_int_equal(count_events(x), 1);
    done(x);
}

static void a_message_goes_to_one_stream_of_a_session(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *session = mcp_initialize(f, "2025-06-18", "{}");
    struct exchange *older = open_stream(f, session), *newer = open_stream(f, session);

    mcp_list_changed(f->mcp, MCP_LIST_TOOLS);
    memory_home_run(f->home);
    assert_int_equal(count_events(older), 0);
    CLEANUP(json_deletep) cJSON *note = event_json(newer, 0);
    expect_str(note, "method", "notifications/tools/list_changed");
    close_stream(f, newer);
    mcp_list_changed(f->mcp, MCP_LIST_PROMPTS);
    memory_home_run(f->home);
    assert_int_equal(count_events(older), 1);
    close_stream(f, older);
}

static void bad_subscriptions_are_refused(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *session = mcp_initialize(f, "2025-06-18", "{}");
    struct buf body = {0};

    expect_error(mcp_post(f, session, NOTE("1", "resources/subscribe", "")), 200, -32602, "1");
    expect_error(mcp_post(f, session, NOTE("1", "resources/unsubscribe", "\"uri\":7")), 200, -32602,
                 "1");
    for (int i = 0; i < 128; i++) {
        char uri[32];
        (void)snprintf(uri, sizeof uri, "mem://%d", i);
        subscribe(f, session, uri);
    }
    expect_error(mcp_post(f, session, NOTE("1", "resources/subscribe", "\"uri\":\"mem://x\"")), 200,
                 -32602, "1");

    CLEANUP(free_p) char *other = mcp_initialize(f, "2025-06-18", "{}");
    buf_printf(&body, NOTE("1", "resources/subscribe", "\"uri\":\"mem://%01025d\""), 0);
    expect_error(mcp_post(f, other, body.data), 200, -32602, "1");
    buf_deinit(&body);
}

static void an_open_stream_keeps_its_session_alive(void **state)
{
    struct mcp_fixture *f = *state;
    uint64_t now_us = clock_mono_us();

    clock_hold(now_us, clock_real_us());
    CLEANUP(free_p) char *quiet = mcp_initialize(f, "2025-06-18", "{}");
    CLEANUP(free_p) char *streaming = mcp_initialize(f, "2025-06-18", "{}");
    subscribe(f, quiet, "mem://a");
    struct exchange *x = open_stream(f, streaming);
    for (int i = 0; i < 4000; i++) {
        clock_hold(now_us += 1000000, clock_real_us());
        memory_home_run(f->home);
    }
    struct exchange *ping = mcp_post(f, streaming, NOTE("1", "ping", ""));
    assert_int_equal(memory_status(ping), 200);
    done(ping);
    expect_error(mcp_post(f, quiet, NOTE("1", "ping", "")), 404, -32001, "1");
    /* what the quiet one subscribed to is forgotten at the next occasion */
    subscribe(f, streaming, "mem://b");
    close_stream(f, x);
}

static void a_stream_needs_a_session_and_the_right_accept(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *session = mcp_initialize(f, "2025-06-18", "{}");
    const struct exchange_header headers[] = {
        {"accept", "application/json"}, {"mcp-session-id", session}, {NULL, NULL}};

    expect_error(open_stream(f, "r1-unknown"), 404, -32001, NULL);
    expect_error(mcp_send(f, &(struct memory_request){.method = "GET", .headers = headers}), 406,
                 -32600, NULL);
    memory_home_limit_streams(f->home, 0);
    expect_error(open_stream(f, session), 503, -32603, NULL);
}

/* ---- listen ---- */

#define SUBSCRIPTION_ID "io.modelcontextprotocol/subscriptionId"

static void expect_id(const cJSON *meta)
{
    const cJSON *id = json_get(meta, SUBSCRIPTION_ID);

    assert_true(cJSON_IsNumber(id) && id->valueint == 1);
}

static struct exchange *listen_to(struct mcp_fixture *f, const char *notifications)
{
    struct buf params = {0};

    buf_printf(&params, "\"notifications\":%s", notifications);
    struct exchange *x = mcp_modern(f, "subscriptions/listen", NULL, params.data);
    buf_deinit(&params);
    return x;
}

static void listen_acknowledges_first_what_it_honours(void **state)
{
    struct mcp_fixture *f = *state;
    struct exchange *x = listen_to(
        f, "{\"toolsListChanged\":true,\"promptsListChanged\":false,\"resourcesListChanged\":true,"
           "\"resourceSubscriptions\":[\"mem://a\"],\"unknown\":7}");
    CLEANUP(json_deletep) cJSON *ack = event_json(x, 0);

    assert_int_equal(memory_phase(x), MEMORY_STREAMING);
    assert_null(memory_reply_header(x, "mcp-session-id"));
    expect_str(ack, "method", "notifications/subscriptions/acknowledged");
    expect_id(json_at(ack, "params._meta"));
    assert_true(cJSON_IsTrue(json_at(ack, "params.notifications.toolsListChanged")));
    assert_false(json_has(ack, "params.notifications.promptsListChanged"));
    /* no pack announces changes of its resources */
    assert_false(json_has(ack, "params.notifications.resourcesListChanged"));
    expect_str(ack, "params.notifications.resourceSubscriptions.0", "mem://a");
    close_stream(f, x);
}

/* limits.max_watched: there is room for 12 beside the session's 128. */
static void listen_says_what_it_does_not_follow(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *session = mcp_initialize(f, "2025-06-18", "{}");
    CLEANUP(buf_deinit) struct buf uris = {0};
    for (int i = 0; i < 128; i++) {
        char uri[32];
        (void)snprintf(uri, sizeof uri, "mem://%d", i);
        subscribe(f, session, uri);
    }
    buf_append_str(&uris, "{\"resourceSubscriptions\":[\"mem://a\"");
    for (int i = 1; i < 13; i++)
        buf_printf(&uris, ",\"mem://b%d\"", i);
    buf_append_str(&uris, "]}");
    struct exchange *first = listen_to(f, uris.data);
    CLEANUP(json_deletep) cJSON *ack = event_json(first, 0);
    const cJSON *followed = json_at(ack, "params.notifications.resourceSubscriptions");
    assert_int_equal(cJSON_GetArraySize(followed), 12);

    struct exchange *refused = listen_to(f, "{\"resourceSubscriptions\":[\"mem://c\"]}");
    CLEANUP(json_deletep) cJSON *none = event_json(refused, 0);
    assert_false(json_has(none, "params.notifications.resourceSubscriptions.0"));
    close_stream(f, first);
    struct exchange *last = listen_to(f, "{\"resourceSubscriptions\":[\"mem://c\"]}");
    int before = count_events(last);
    close_stream(f, refused); /* takes nothing from who was not refused */
    mcp_resource_updated(f->mcp, "alice", "mem://c");
    memory_home_run(f->home);
    assert_int_equal(count_events(last), before + 1);
    close_stream(f, last);
}

static void listen_tells_only_what_was_asked_for(void **state)
{
    struct mcp_fixture *f = *state;
    struct exchange *tools = listen_to(f, "{\"toolsListChanged\":true}");
    struct exchange *uris = listen_to(f, "{\"resourceSubscriptions\":[\"mem://a\",\"mem://b\"]}");

    assert_int_equal(count_events(uris), 3); /* the acknowledgement, and how things stand */
    mcp_list_changed(f->mcp, MCP_LIST_TOOLS);
    mcp_list_changed(f->mcp, MCP_LIST_PROMPTS);
    mcp_list_changed(f->mcp, MCP_LIST_RESOURCES);
    mcp_resource_updated(f->mcp, "alice", "mem://b");
    mcp_resource_updated(f->mcp, "mallory", "mem://a");
    memory_home_run(f->home);
    assert_int_equal(count_events(tools), 2);
    assert_int_equal(count_events(uris), 4);
    CLEANUP(json_deletep) cJSON *changed = event_json(tools, 1);
    expect_str(changed, "method", "notifications/tools/list_changed");
    expect_id(json_at(changed, "params._meta"));
    CLEANUP(json_deletep) cJSON *update = event_json(uris, 3);
    expect_str(update, "params.uri", "mem://b");
    expect_id(json_at(update, "params._meta"));
    close_stream(f, tools);
    close_stream(f, uris);
    mcp_list_changed(f->mcp, MCP_LIST_TOOLS); /* nobody is there any more */
    memory_home_run(f->home);
}

static void draining_ends_a_listen_with_its_result(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *session = mcp_initialize(f, "2025-06-18", "{}");
    struct exchange *get = open_stream(f, session);
    struct exchange *x = listen_to(f, "{}");

    mcp_drain(f->mcp);
    memory_home_run(f->home);
    CLEANUP(json_deletep) cJSON *result = event_json(x, 1);
    expect_int(result, "id", 1);
    expect_str(result, "result.resultType", "complete");
    expect_id(json_at(result, "result._meta"));
    assert_int_equal(memory_phase(x), MEMORY_ENDED);
    assert_int_equal(memory_phase(get), MEMORY_ENDED);
    assert_int_equal(count_events(get), 0);
    done(get);
    done(x);

    x = listen_to(f, "{}"); /* too late: it ends at once */
    assert_int_equal(count_events(x), 2);
    assert_int_equal(memory_phase(x), MEMORY_ENDED);
    done(x);
    x = open_stream(f, session);
    assert_int_equal(memory_phase(x), MEMORY_ENDED);
    done(x);
}

static void bad_listens_are_refused(void **state)
{
    static const char *const bad[] = {
        "7",
        "[]",
        "null",
        "{\"toolsListChanged\":1}",
        "{\"resourceSubscriptions\":\"mem://a\"}",
        "{\"resourceSubscriptions\":[1]}",
    };
    struct mcp_fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_error(listen_to(f, bad[i]), 200, -32602, "1");
    expect_error(mcp_modern(f, "subscriptions/listen", NULL, ""), 200, -32602, "1");
    expect_error(
        mcp_modern_raw(f, &(struct modern_spec){.body = NOTE("1", "subscriptions/listen",
                                                             "\"notifications\":{}," ENVELOPE),
                                                .version = MODERN,
                                                .method = "subscriptions/listen",
                                                .accept = "application/json"}),
        406, -32600, "1");
    memory_home_limit_streams(f->home, 0);
    expect_error(listen_to(f, "{}"), 503, -32603, "1");
}

static void ids_of_listens_are_echoed_raw(void **state)
{
    struct mcp_fixture *f = *state;
    struct exchange *x = mcp_modern_raw(
        f, &(struct modern_spec){.body = NOTE("\"18446744073709551615\"", "subscriptions/listen",
                                              "\"notifications\":{}," ENVELOPE),
                                 .version = MODERN,
                                 .method = "subscriptions/listen"});

    assert_non_null(strstr(memory_body(x), "\"" SUBSCRIPTION_ID "\":\"18446744073709551615\""));
    close_stream(f, x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MCP_TEST(a_session_hears_of_what_it_subscribed_to),
        MCP_TEST(subscriptions_outlive_a_reconnect_but_not_the_session),
        MCP_TEST(a_message_goes_to_one_stream_of_a_session),
        MCP_TEST(bad_subscriptions_are_refused),
        MCP_TEST(an_open_stream_keeps_its_session_alive),
        MCP_TEST(a_stream_needs_a_session_and_the_right_accept),
        MCP_TEST(listen_acknowledges_first_what_it_honours),
        MCP_TEST(listen_says_what_it_does_not_follow),
        MCP_TEST(listen_tells_only_what_was_asked_for),
        MCP_TEST(draining_ends_a_listen_with_its_result),
        MCP_TEST(bad_listens_are_refused),
        MCP_TEST(ids_of_listens_are_echoed_raw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
