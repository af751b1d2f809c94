/* Requests of 2026-07-28: the ladder of checks, and what results carry. */
#include "tests/unit/mcp_fixture.h"

#define CLAIM "\"io.modelcontextprotocol/protocolVersion\":"
#define CAPS  "\"io.modelcontextprotocol/clientCapabilities\":"
#define REQUEST(id, method, params) \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"" method "\",\"params\":{" params "}}"

static void discover_says_what_the_server_is(void **state)
{
    struct exchange *x = mcp_modern(*state, "server/discover", NULL, "");
    CLEANUP(json_deletep) cJSON *json = reply_json(x);

    assert_int_equal(memory_status(x), 200);
    assert_null(memory_reply_header(x, "mcp-session-id"));
    expect_int(json, "id", 1);
    expect_str(json, "result.resultType", "complete");
    expect_str(json, "result.supportedVersions.0", "2026-07-28");
    expect_str(json, "result.supportedVersions.4", "2024-11-05");
    assert_false(json_has(json, "result.supportedVersions.5"));
    assert_true(cJSON_IsTrue(json_at(json, "result.capabilities.resources.subscribe")));
    assert_true(cJSON_IsTrue(json_at(json, "result.capabilities.tools.listChanged")));
    assert_true(json_has(json, "result.capabilities.completions"));
    assert_false(json_has(json, "result.capabilities.tasks"));
    assert_false(json_has(json, "result.serverInfo"));
    expect_str(json, "result.instructions", "Test me.\nAnd me.");
    expect_int(json, "result.ttlMs", 3600000);
    expect_str(json, "result.cacheScope", "public");
    const cJSON *info =
        json_get(json_at(json, "result._meta"), "io.modelcontextprotocol/serverInfo");
    expect_str(info, "name", "test-server");
    expect_str(info, "version", "1.2");
    done(x);
}

struct rung {
    const char *what;
    struct modern_spec spec;
    int status, code;
    const char *id;
};

static void check(void **state, const struct rung *rungs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct exchange *x = mcp_modern_raw(*state, &rungs[i].spec);
        if (memory_status(x) != rungs[i].status)
            fail_msg("%s: %d %s", rungs[i].what, memory_status(x), memory_body(x));
        expect_error(x, rungs[i].status, rungs[i].code, rungs[i].id);
    }
}
#define CHECK(rungs) check(state, rungs, ARRAY_LEN(rungs))

#define AT(v, m, nm) .version = (v), .method = (m), .name = (nm)

static void a_body_must_be_a_message(void **state)
{
    static const struct rung rungs[] = {
        {"no JSON", {.body = "{", AT(MODERN, "x", NULL)}, 400, -32700, NULL},
        {"empty", {.body = "", AT(MODERN, "x", NULL)}, 400, -32700, NULL},
        {"duplicate keys",
         {.body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"x\"}",
          AT(MODERN, "x", NULL)},
         400,
         -32700,
         NULL},
        {"no message", {.body = "7", AT(MODERN, "x", NULL)}, 400, -32600, NULL},
        {"no method",
         {.body = "{\"jsonrpc\":\"2.0\",\"id\":\"a\"}", AT(MODERN, "x", NULL)},
         400,
         -32600,
         "\"a\""},
        {"null id",
         {.body = "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"x\"}", AT(MODERN, "x", NULL)},
         400,
         -32600,
         NULL},
        {"a batch",
         {.body = "[" REQUEST("1", "tools/list", ENVELOPE) "]", AT(MODERN, "x", NULL)},
         400,
         -32600,
         NULL},
        {"a response",
         {.body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", AT(MODERN, "x", NULL)},
         400,
         -32600,
         "1"},
    };
    CHECK(rungs);
}

static void the_envelope_is_checked_first(void **state)
{
    static const struct rung rungs[] = {
        {"no params",
         {.body = "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"tools/list\"}",
          AT(MODERN, "tools/list", NULL)},
         400,
         -32602,
         "\"x\""},
        {"params are no object",
         {.body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":[]}",
          AT(MODERN, "tools/list", NULL)},
         400,
         -32602,
         "1"},
        {"no _meta",
         {.body = REQUEST("1", "tools/list", ""), AT(MODERN, "tools/list", NULL)},
         400,
         -32602,
         "1"},
        {"unknown header and no claim",
         {.body = REQUEST("1", "tools/list", ""), AT("2031-01-01", "tools/list", NULL)},
         400,
         -32602,
         "1"},
        {"claim is no string",
         {.body = REQUEST("9007199254740993", "tools/list", "\"_meta\":{" CLAIM "7," CAPS "{}}"),
          AT(MODERN, "tools/list", NULL)},
         400,
         -32602,
         "9007199254740993"},
        {"no capabilities",
         {.body = REQUEST("1", "tools/list", "\"_meta\":{" CLAIM "\"" MODERN "\"}"),
          AT(MODERN, "tools/list", NULL)},
         400,
         -32602,
         "1"},
        {"capabilities are no object",
         {.body = REQUEST("1", "tools/list", "\"_meta\":{" CLAIM "\"" MODERN "\"," CAPS "[]}"),
          AT(MODERN, "tools/list", NULL)},
         400,
         -32602,
         "1"},
    };
    CHECK(rungs);
}

#define CLAIMS(v) "\"_meta\":{" CLAIM "\"" v "\"," CAPS "{}}"

static void versions_must_agree_and_be_served(void **state)
{
    static const struct rung rungs[] = {
        {"no header",
         {.body = REQUEST("1", "tools/list", ENVELOPE), AT(NULL, "tools/list", NULL)},
         400,
         -32020,
         "1"},
        {"another header",
         {.body = REQUEST("1", "tools/list", CLAIMS("v999")), AT(MODERN, "tools/list", NULL)},
         400,
         -32020,
         "1"},
        {"legacy header",
         {.body = REQUEST("1", "tools/list", ENVELOPE), AT("2025-06-18", "tools/list", NULL)},
         400,
         -32020,
         "1"},
        {"unknown version",
         {.body = REQUEST("1", "tools/list", CLAIMS("v999")), AT("v999", "tools/list", NULL)},
         400,
         -32022,
         "1"},
        {"a legacy version has no envelope",
         {.body = REQUEST("1", "tools/list", CLAIMS("2025-11-25")),
          AT("2025-11-25", "tools/list", NULL)},
         400,
         -32022,
         "1"},
    };
    CHECK(rungs);
}

static void an_unserved_version_is_told_which_are(void **state)
{
    struct exchange *x = mcp_modern_raw(
        *state, &(struct modern_spec){.body = REQUEST("1", "tools/list", CLAIMS("v999")),
                                      AT("v999", "tools/list", NULL)});
    CLEANUP(json_deletep) cJSON *json = reply_json(x);

    expect_str(json, "error.data.requested", "v999");
    expect_str(json, "error.data.supported.0", MODERN);
    expect_str(json, "error.data.supported.1", "2025-11-25");
    done(x);
}

static void routing_headers_must_say_what_the_body_says(void **state)
{
    static const struct exchange_header twice_version[] = {{"mcp-protocol-version", MODERN},
                                                           {NULL, NULL}};
    static const struct exchange_header twice_method[] = {{"mcp-method", "tools/call"},
                                                          {NULL, NULL}};
    static const struct exchange_header twice_name[] = {{"mcp-name", "plain"}, {NULL, NULL}};
    static const char *const call = REQUEST("1", "tools/call", "\"name\":\"plain\"," ENVELOPE);
    const struct rung rungs[] = {
        {"no method", {.body = call, AT(MODERN, NULL, "plain")}, 400, -32020, "1"},
        {"other method", {.body = call, AT(MODERN, "tools/list", "plain")}, 400, -32020, "1"},
        {"other case", {.body = call, AT(MODERN, "Tools/Call", "plain")}, 400, -32020, "1"},
        {"no name", {.body = call, AT(MODERN, "tools/call", NULL)}, 400, -32020, "1"},
        {"other name", {.body = call, AT(MODERN, "tools/call", "echo")}, 400, -32020, "1"},
        {"bad Base64",
         {.body = call, AT(MODERN, "tools/call", "=?base64?cGxhaW4?=")},
         400,
         -32020,
         "1"},
        {"the version twice",
         {.body = call, AT(MODERN, "tools/call", "plain"), .more = twice_version},
         400,
         -32020,
         "1"},
        {"the method twice",
         {.body = call, AT(MODERN, "tools/call", "plain"), .more = twice_method},
         400,
         -32020,
         "1"},
        {"the name twice",
         {.body = call, AT(MODERN, "tools/call", "plain"), .more = twice_name},
         400,
         -32020,
         "1"},
        {"the name of a resource",
         {.body = REQUEST("1", "resources/read", "\"uri\":\"mem://a\"," ENVELOPE),
          AT(MODERN, "resources/read", "mem://b")},
         400,
         -32020,
         "1"},
        {"the name of a prompt",
         {.body = REQUEST("1", "prompts/get", "\"name\":\"greeting\"," ENVELOPE),
          AT(MODERN, "prompts/get", NULL)},
         400,
         -32020,
         "1"},
        {"a body without name is another matter",
         {.body = REQUEST("1", "tools/call", ENVELOPE), AT(MODERN, "tools/call", "plain")},
         200,
         -32602,
         "1"},
    };
    CHECK(rungs);

    done(mcp_modern(*state, "tools/call", "=?base64?cGxhaW4=?=", "\"name\":\"plain\""));
}

static void methods_of_other_eras_are_not_there(void **state)
{
    static const char *const methods[] = {
        "initialize",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "resources/unsubscribe",
        "tasks/list",
        "tasks/result",
        "no/such/method",
    };

    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        expect_error(mcp_modern(*state, methods[i], NULL, ""), 404, -32601, "1");
}

static void a_bad_log_level_is_refused(void **state)
{
    static const struct rung rungs[] = {
        {"level",
         {.body = REQUEST("1", "tools/list",
                          "\"_meta\":{" CLAIM "\"" MODERN "\"," CAPS
                          "{},\"io.modelcontextprotocol/logLevel\":\"loud\"}"),
          AT(MODERN, "tools/list", NULL)},
         200,
         -32602,
         "1"},
    };
    CHECK(rungs);
}

static void a_tool_can_need_a_capability(void **state)
{
    struct exchange *x = mcp_modern(*state, "tools/call", "sampler", "\"name\":\"sampler\"");
    CLEANUP(json_deletep) cJSON *json = reply_json(x);

    assert_true(cJSON_IsObject(json_at(json, "error.data.requiredCapabilities.sampling")));
    expect_error(x, 400, -32021, "1");
}

struct param {
    const char *arguments;
    struct exchange_header headers[3];
    int code; /* 0: served */
};

static void arguments_in_headers_must_agree(void **state)
{
    static const struct param params[] = {
        {"", {{NULL, NULL}}, 0},
        {"\"text\":\"hi\"", {{"mcp-param-text", "hi"}}, 0},
        {"\"text\":\"hi\"", {{NULL, NULL}}, -32020},
        {"\"text\":\"hi\"", {{"mcp-param-text", "ho"}}, -32020},
        {"\"text\":\"hi\"", {{"mcp-param-text", "h\x01"}}, -32020},
        {"\"text\":\"hi\"", {{"mcp-param-text", "hi"}, {"mcp-param-text", "hi"}}, -32020},
        {"\"text\":null", {{NULL, NULL}}, 0},
        {"\"text\":null", {{"mcp-param-text", "null"}}, -32020},
        {"", {{"mcp-param-text", "hi"}}, -32020},
        {"\"count\":42", {{"mcp-param-count", "42.0"}}, 0},
        {"\"count\":42", {{"mcp-param-count", "43"}}, -32020},
        {"\"loud\":true", {{"mcp-param-loud", "true"}}, 0},
        {"\"loud\":true", {{"mcp-param-loud", "TRUE"}}, -32020},
        {"\"text\":\"f\xc3\xbcr\"", {{"mcp-param-text", "=?base64?ZsO8cg==?="}}, 0},
        {"", {{"mcp-param-unknown", "x"}}, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(params); i++) {
        struct buf body = {0};
        buf_printf(&body,
                   REQUEST("1", "tools/call", "\"name\":\"echo\",\"arguments\":{%s}," ENVELOPE),
                   params[i].arguments);
        struct exchange *x =
            mcp_modern_raw(*state, &(struct modern_spec){.body = body.data,
                                                         AT(MODERN, "tools/call", "echo"),
                                                         .more = params[i].headers});
        buf_deinit(&body);
        if (params[i].code) {
            expect_error(x, 400, params[i].code, "1");
        } else {
            if (!strstr(memory_body(x), "\"result\""))
                fail_msg("%s: %s", params[i].arguments, memory_body(x));
            done(x);
        }
    }
}

static void notifications_are_taken_and_dropped(void **state)
{
    static const char *const bodies[] = {
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\",\"params\":{" ENVELOPE "}}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":1}}",
    };

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct exchange *x =
            mcp_modern_raw(*state, &(struct modern_spec){.body = bodies[i], .version = MODERN});
        assert_int_equal(memory_status(x), 202);
        assert_string_equal(memory_body(x), "");
        done(x);
    }
}

static void results_are_decorated(void **state)
{
    static const struct {
        const char *method, *name, *params, *scope;
    } cases[] = {
        {"tools/list", NULL, "", "public"},
        {"prompts/list", NULL, "", "public"},
        {"resources/templates/list", NULL, "", "public"},
        {"resources/list", NULL, "", "private"},
        {"resources/read", "mem://a", "\"uri\":\"mem://a\"", "private"},
        {"tools/call", "plain", "\"name\":\"plain\"", NULL},
        {"prompts/get", "greeting", "\"name\":\"greeting\",\"arguments\":{\"who\":\"x\"}", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct exchange *x = mcp_modern(*state, cases[i].method, cases[i].name, cases[i].params);
        CLEANUP(json_deletep) cJSON *json = reply_json(x);
        expect_str(json, "result.resultType", "complete");
        assert_non_null(
            json_get(json_at(json, "result._meta"), "io.modelcontextprotocol/serverInfo"));
        assert_int_equal(json_has(json, "result.ttlMs"), cases[i].scope != NULL);
        if (cases[i].scope)
            expect_str(json, "result.cacheScope", cases[i].scope);
        done(x);
    }
}

static void content_types_are_negotiated(void **state)
{
    struct exchange_header headers[] = {{"content-type", "text/plain"}, {NULL, NULL}};
    static const char *const body = REQUEST("1", "server/discover", ENVELOPE);

    expect_error(mcp_send(*state, &(struct memory_request){.body = body, .headers = headers}), 415,
                 -32600, NULL);
    expect_error(mcp_send(*state, &(struct memory_request){.body = body}), 415, -32600, NULL);
    expect_error(mcp_modern_raw(*state, &(struct modern_spec){.body = body,
                                                              AT(MODERN, "server/discover", NULL),
                                                              .accept = "text/html"}),
                 406, -32600, NULL);

    static const char *const fine[] = {
        "*/*",
        "application/json",
        "application/*",
        "text/event-stream;q=0.5, Application/JSON ; x=y",
    };
    for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
        struct exchange *x = mcp_modern_raw(
            *state, &(struct modern_spec){
                        .body = body, AT(MODERN, "server/discover", NULL), .accept = fine[i]});
        assert_int_equal(memory_status(x), 200);
        assert_string_equal(memory_content_type(x), "application/json");
        done(x);
    }
}

static void a_client_that_takes_streams_only_gets_one(void **state)
{
    struct exchange *x = mcp_modern_raw(
        *state, &(struct modern_spec){.body = REQUEST("1", "server/discover", ENVELOPE),
                                      AT(MODERN, "server/discover", NULL),
                                      .accept = "text/event-stream"});
    CLEANUP(json_deletep) cJSON *json = event_json(x, 0);

    assert_string_equal(memory_content_type(x), "text/event-stream");
    assert_int_equal(memory_phase(x), MEMORY_ENDED);
    expect_str(json, "result.resultType", "complete");
    done(x);
}

/* A load balancer that promised to ask another replica may have sent this on a connection it kept.
 */
static void a_draining_server_sends_a_balancer_elsewhere(void **state)
{
    static const struct exchange_header promise[] = {{"x-execd-elsewhere", "yes"}, {NULL, NULL}};
    struct mcp_fixture *f = *state;
    struct modern_spec spec = {
        .body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"server/discover\",\"params\":{" ENVELOPE
                "}}",
        .version = MODERN,
        .method = "server/discover",
        .more = promise};
    struct exchange *x = mcp_modern_raw(f, &spec);
    assert_int_equal(memory_status(x), 200);
    done(x);
    mcp_drain(f->mcp);
    expect_error(mcp_modern_raw(f, &spec), 503, -32000, NULL);
    spec.more = NULL;
    x = mcp_modern_raw(f, &spec);
    assert_int_equal(memory_status(x), 200);
    done(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MCP_TEST(discover_says_what_the_server_is),
        MCP_TEST(a_body_must_be_a_message),
        MCP_TEST(the_envelope_is_checked_first),
        MCP_TEST(versions_must_agree_and_be_served),
        MCP_TEST(an_unserved_version_is_told_which_are),
        MCP_TEST(routing_headers_must_say_what_the_body_says),
        MCP_TEST(methods_of_other_eras_are_not_there),
        MCP_TEST(a_bad_log_level_is_refused),
        MCP_TEST(a_tool_can_need_a_capability),
        MCP_TEST(arguments_in_headers_must_agree),
        MCP_TEST(notifications_are_taken_and_dropped),
        MCP_TEST(results_are_decorated),
        MCP_TEST(content_types_are_negotiated),
        MCP_TEST(a_draining_server_sends_a_balancer_elsewhere),
        MCP_TEST(a_client_that_takes_streams_only_gets_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
