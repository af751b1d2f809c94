/* Revisions with sessions, over Streamable HTTP. */
#include "tests/unit/mcp_fixture.h"

#define REQUEST(id, method) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"" method "\"}"
#define PING(id)            REQUEST(id, "ping")

static struct exchange *initialize(struct mcp_fixture *f, const char *version)
{
    struct buf body = {0};

    buf_printf(&body,
               "{\"jsonrpc\":\"2.0\",\"id\":\"i\",\"method\":\"initialize\",\"params\":{"
               "\"protocolVersion\":\"%s\",\"capabilities\":{},\"clientInfo\":{\"name\":\"c\"}}}",
               version);
    struct exchange *x = mcp_post(f, NULL, body.data);
    buf_deinit(&body);
    return x;
}

struct greeting {
    const char *asked, *answered;
    bool has_completions, has_title;
};

static void initialize_negotiates_each_revision(void **state)
{
    static const struct greeting greetings[] = {
        {"2024-10-07", "2024-10-07", false, false}, {"2024-11-05", "2024-11-05", false, false},
        {"2025-03-26", "2025-03-26", true, false},  {"2025-06-18", "2025-06-18", true, true},
        {"2025-11-25", "2025-11-25", true, true},   {"2026-07-28", "2025-11-25", true, true},
        {"1999-01-01", "2025-11-25", true, true},   {"", "2025-11-25", true, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(greetings); i++) {
        struct exchange *x = initialize(*state, greetings[i].asked);
        CLEANUP(json_deletep) cJSON *json = reply_json(x);
        assert_int_equal(memory_status(x), 200);
        expect_str(json, "id", "i");
        expect_str(json, "result.protocolVersion", greetings[i].answered);
        expect_str(json, "result.serverInfo.name", "test-server");
        expect_str(json, "result.serverInfo.version", "1.2");
        assert_int_equal(json_has(json, "result.serverInfo.title"), greetings[i].has_title);
        assert_int_equal(json_has(json, "result.capabilities.completions"),
                         greetings[i].has_completions);
        assert_true(cJSON_IsTrue(json_at(json, "result.capabilities.resources.subscribe")));
        expect_str(json, "result.instructions", "Test me.\nAnd me.");
        assert_false(json_has(json, "result.resultType"));
        assert_false(json_has(json, "result._meta"));
        const char *id = memory_reply_header(x, "mcp-session-id");
        assert_true(id_is_valid(id) && id_has_replica(id, "r1"));
        done(x);
    }
}

static void initialize_needs_a_version(void **state)
{
    expect_error(mcp_post(*state, NULL, REQUEST("1", "initialize")), 200, -32602, "1");
}

static void initialize_is_modern_only_by_its_header(void **state)
{
    const struct exchange_header headers[] = {
        {"content-type", "application/json"}, {"mcp-protocol-version", MODERN}, {NULL, NULL}};

    expect_error(mcp_send(*state, &(struct memory_request){.body = REQUEST("1", "initialize"),
                                                           .headers = headers}),
                 400, -32020, "1");
}

static void a_full_table_of_sessions_is_said(void **state)
{
    struct mcp_fixture *f = *state;

    for (int i = 0; i < 100; i++)
        free(mcp_initialize(f, "2025-06-18", "{}"));
    expect_error(initialize(f, "2025-06-18"), 503, -32000, "\"i\"");
}

static void a_session_is_needed_and_known(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *session = mcp_initialize(f, "2025-06-18", "{}");

    expect_error(mcp_post(f, NULL, PING("7")), 400, -32000, "7");
    expect_error(mcp_post(f, "r1-nosuchsession", PING("\"a\"")), 404, -32001, "\"a\"");
    expect_error(mcp_post(f, "", PING("1")), 404, -32001, "1");

    struct exchange *x = mcp_post(f, session, PING("12345678901234567890"));
    assert_int_equal(memory_status(x), 200);
    assert_string_equal(memory_body(x),
                        "{\"jsonrpc\":\"2.0\",\"id\":12345678901234567890,\"result\":{}}");
    assert_null(memory_reply_header(x, "mcp-session-id"));
    done(x);

    x = mcp_post(f, session, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}");
    assert_int_equal(memory_status(x), 202);
    assert_string_equal(memory_body(x), "");
    done(x);
    expect_error(
        mcp_post(f, NULL, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}"), 400,
        -32000, NULL);
    expect_error(mcp_post(f, "x", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"), 404, -32001,
                 NULL);
}

static void a_session_is_its_principals(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *session = mcp_initialize(f, "2025-06-18", "{}");
    const struct exchange_header headers[] = {
        {"content-type", "application/json"}, {"mcp-session-id", session}, {NULL, NULL}};

    static const char *const methods[] = {"POST", "GET", "DELETE"};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        struct exchange *x = mcp_send(f, &(struct memory_request){.method = methods[i],
                                                                  .body = PING("1"),
                                                                  .principal = "mallory",
                                                                  .headers = headers});
        expect_error(x, 404, -32001, i == 0 ? "1" : NULL);
    }
    done(mcp_post(f, session, PING("1")));
}

static struct exchange *post_version(struct mcp_fixture *f, const char *session,
                                     const char *version, const char *body)
{
    const struct exchange_header headers[] = {{"content-type", "application/json"},
                                              {"mcp-session-id", session},
                                              {"mcp-protocol-version", version},
                                              {NULL, NULL}};
    return mcp_send(f, &(struct memory_request){.body = body, .headers = headers});
}

static void the_version_header_must_be_a_legacy_one(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *session = mcp_initialize(f, "2025-06-18", "{}");
    static const char *const note = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}";

    struct exchange *x = post_version(f, session, "2025-06-18", PING("1"));
    assert_int_equal(memory_status(x), 200);
    done(x);
    x = post_version(f, session, "2024-11-05", PING("1")); /* runs as the session's */
    assert_int_equal(memory_status(x), 200);
    done(x);
    expect_error(post_version(f, session, "2031-01-01", note), 400, -32000, NULL);
    /* a request with it may be one of a newer era: there it lacks the envelope */
    expect_error(post_version(f, session, "2031-01-01", PING("1")), 400, -32602, "1");
}

static void a_deleted_session_is_gone(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *session = mcp_initialize(f, "2025-06-18", "{}");
    const struct exchange_header headers[] = {{"mcp-session-id", session}, {NULL, NULL}};

    expect_error(mcp_send(f, &(struct memory_request){.method = "DELETE"}), 400, -32000, NULL);
    struct exchange *x =
        mcp_send(f, &(struct memory_request){.method = "DELETE", .headers = headers});
    assert_int_equal(memory_status(x), 204);
    done(x);
    expect_error(mcp_send(f, &(struct memory_request){.method = "DELETE", .headers = headers}), 404,
                 -32001, NULL);
    expect_error(mcp_post(f, session, PING("1")), 404, -32001, "1");
}

static void methods_of_other_eras_are_not_there(void **state)
{
    CLEANUP(free_p) char *session = mcp_initialize(*state, "2025-11-25", "{}");

    expect_error(mcp_post(*state, session, REQUEST("1", "server/discover")), 200, -32601, "1");
    expect_error(mcp_post(*state, session, REQUEST("1", "subscriptions/listen")), 200, -32601, "1");
    expect_error(mcp_post(*state, session, REQUEST("1", "tasks/list")), 200, -32601, "1");
    expect_error(mcp_post(*state, session, REQUEST("1", "no/such")), 200, -32601, "1");
    expect_error(mcp_post(*state, session,
                          "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":[1]}"),
                 200, -32602, "1");
}

static void log_levels_are_checked(void **state)
{
    CLEANUP(free_p) char *session = mcp_initialize(*state, "2025-06-18", "{}");
    static const char *const bad = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"logging/setLevel\","
                                   "\"params\":{\"level\":\"loud\"}}";
    static const char *const good = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"logging/setLevel\","
                                    "\"params\":{\"level\":\"error\"}}";

    expect_error(mcp_post(*state, session, bad), 200, -32602, "1");
    expect_error(mcp_post(*state, session, REQUEST("1", "logging/setLevel")), 200, -32602, "1");
    struct exchange *x = mcp_post(*state, session, good);
    assert_string_equal(memory_body(x), "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
    done(x);
}

static void header_rules_of_the_new_era_do_not_hold(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *session = mcp_initialize(f, "2025-11-25", "{}");
    const struct exchange_header headers[] = {
        {"content-type", "application/json"}, {"mcp-session-id", session},
        {"mcp-method", "something/else"},     {"mcp-name", "x"},
        {"mcp-param-text", "other"},          {NULL, NULL},
    };
    struct exchange *x = mcp_send(
        f, &(struct memory_request){
               .body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{"
                       "\"name\":\"echo\",\"arguments\":{\"text\":\"hi\"}}}",
               .headers = headers});
    CLEANUP(json_deletep) cJSON *json = reply_json(x);

    expect_str(json, "result.structuredContent.text", "hi");
    done(x);
}

/* ---- batches ---- */

static void a_batch_is_answered_as_an_array(void **state)
{
    static const char *const elements[] = {
        PING("99999999999999999999"),
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}",
        PING("\"b\""),
        "7",
        "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{}}",
        REQUEST("4", "initialize"),
        REQUEST("5", "no/such"),
    };
    CLEANUP(free_p) char *session = mcp_initialize(*state, "2025-03-26", "{}");
    struct buf body = {0};

    for (size_t i = 0; i < ARRAY_LEN(elements); i++)
        buf_printf(&body, "%s %s ", i ? "," : " [", elements[i]);
    buf_append_str(&body, "] ");
    struct exchange *x = mcp_post(*state, session, body.data);
    buf_deinit(&body);
    CLEANUP(json_deletep) cJSON *json = reply_json(x);
    assert_int_equal(memory_status(x), 200);
    assert_int_equal(cJSON_GetArraySize(json), 5);
    assert_non_null(strstr(memory_body(x), "\"id\":99999999999999999999,\"result\":{}"));
    expect_str(json, "1.id", "b");
    expect_int(json, "2.error.code", -32600);
    assert_false(json_has(json, "2.id"));
    expect_int(json, "3.id", 4);
    expect_int(json, "3.error.code", -32600);
    expect_int(json, "4.error.code", -32601);
    done(x);
}

static void a_batch_waits_for_all_its_answers(void **state)
{
    struct mcp_fixture *f = *state;
    CLEANUP(free_p) char *session = mcp_initialize(f, "2025-03-26", "{}");
    struct exchange *x = mcp_post(f, session,
                                  "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/"
                                  "call\",\"params\":{\"name\":\"park\"}}," PING("2") "]");

    assert_int_equal(memory_phase(x), MEMORY_WAITING);
    mcp_answer(f, "late");
    CLEANUP(json_deletep) cJSON *json = reply_json(x);
    expect_int(json, "0.id", 2);
    expect_str(json, "1.result.content.0.text", "late");
    done(x);
}

static void a_batch_without_requests_is_accepted(void **state)
{
    CLEANUP(free_p) char *session = mcp_initialize(*state, "2025-03-26", "{}");
    struct exchange *x =
        mcp_post(*state, session,
                 "[{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"},"
                 "{\"jsonrpc\":\"2.0\",\"id\":3,\"error\":{\"code\":1,\"message\":\"m\"}}]");

    assert_int_equal(memory_status(x), 202);
    done(x);
}

static void batches_are_of_one_revision_only(void **state)
{
    static const char *const others[] = {"2024-11-05", "2025-06-18", "2025-11-25"};

    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        CLEANUP(free_p) char *session = mcp_initialize(*state, others[i], "{}");
        expect_error(mcp_post(*state, session, "[" PING("1") "]"), 400, -32600, NULL);
    }
    CLEANUP(free_p) char *session = mcp_initialize(*state, "2025-03-26", "{}");
    expect_error(mcp_post(*state, session, "[]"), 400, -32600, NULL);
    expect_error(mcp_post(*state, NULL, "[" PING("1") "]"), 400, -32000, NULL);

    struct buf body = {0};
    for (int i = 0; i < 51; i++)
        buf_printf(&body, "%c" PING("1"), i ? ',' : '[');
    buf_append_char(&body, ']');
    expect_error(mcp_post(*state, session, body.data), 400, -32600, NULL);
    buf_deinit(&body);
}

static void eras_mix_on_one_home(void **state)
{
    CLEANUP(free_p) char *old = mcp_initialize(*state, "2024-11-05", "{}");
    CLEANUP(free_p) char *session = mcp_initialize(*state, "2025-11-25", "{}");

    for (int i = 0; i < 3; i++) {
        struct exchange *a = mcp_post(*state, old, REQUEST("1", "tools/list"));
        struct exchange *b = mcp_modern(*state, "tools/list", NULL, "");
        struct exchange *c = mcp_post(*state, session, REQUEST("1", "tools/list"));
        assert_null(strstr(memory_body(a), "outputSchema"));
        assert_null(strstr(memory_body(a), "resultType"));
        assert_non_null(strstr(memory_body(b), "resultType"));
        assert_non_null(strstr(memory_body(c), "outputSchema"));
        assert_null(strstr(memory_body(c), "resultType"));
        expect_error(mcp_modern(*state, "ping", NULL, ""), 404, -32601, "1");
        done(a);
        done(b);
        done(c);
    }
}

static void other_http_methods_are_not_allowed(void **state)
{
    static const char *const methods[] = {"PUT", "HEAD", "PATCH"};
    const struct exchange_header html[] = {{"accept", "text/html"}, {NULL, NULL}};

    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        struct exchange *x = mcp_send(*state, &(struct memory_request){.method = methods[i]});
        assert_string_equal(memory_reply_header(x, "allow"), "GET, POST, DELETE, OPTIONS");
        expect_error(x, 405, -32000, NULL);
    }
    expect_error(mcp_send(*state, &(struct memory_request){.method = "GET", .headers = html}), 405,
                 -32000, NULL);

    struct exchange *x = mcp_send(*state, &(struct memory_request){.method = "OPTIONS"});
    assert_int_equal(memory_status(x), 204);
    assert_string_equal(memory_reply_header(x, "allow"), "GET, POST, DELETE, OPTIONS");
    done(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MCP_TEST(initialize_negotiates_each_revision),
        MCP_TEST(initialize_needs_a_version),
        MCP_TEST(initialize_is_modern_only_by_its_header),
        MCP_TEST(a_full_table_of_sessions_is_said),
        MCP_TEST(a_session_is_needed_and_known),
        MCP_TEST(a_session_is_its_principals),
        MCP_TEST(the_version_header_must_be_a_legacy_one),
        MCP_TEST(a_deleted_session_is_gone),
        MCP_TEST(methods_of_other_eras_are_not_there),
        MCP_TEST(log_levels_are_checked),
        MCP_TEST(header_rules_of_the_new_era_do_not_hold),
        MCP_TEST(a_batch_is_answered_as_an_array),
        MCP_TEST(a_batch_waits_for_all_its_answers),
        MCP_TEST(a_batch_without_requests_is_accepted),
        MCP_TEST(batches_are_of_one_revision_only),
        MCP_TEST(eras_mix_on_one_home),
        MCP_TEST(other_http_methods_are_not_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
