/* What packs register and answer, as each revision sees it. */
#include "state/base/clock.h"
#include "tests/unit/mcp_fixture.h"

#define REQUEST(method, params) \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" method "\",\"params\":{" params "}}"

static struct exchange *ask(struct mcp_fixture *f, const char *revision, const char *body)
{
    CLEANUP(free_p) char *session = mcp_initialize(f, revision, "{}");
    return mcp_post(f, session, body);
}

struct view {
    const char *revision;
    bool annotations, title, structured, icons;
};
static const struct view views[] = {
    {"2024-11-05", false, false, false, false},
    {"2025-03-26", true, false, false, false},
    {"2025-06-18", true, true, true, false},
    {"2025-11-25", true, true, true, true},
};

static void tools_show_what_the_revision_knows(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(views); i++) {
        const struct view *v = &views[i];
        struct exchange *x = ask(*state, v->revision, REQUEST("tools/list", ""));
        CLEANUP(json_deletep) cJSON *json = reply_json(x);
        expect_str(json, "result.tools.0.name", "echo");
        expect_str(json, "result.tools.1.name", "plain");
        assert_int_equal(json_has(json, "result.tools.0.annotations"), v->annotations);
        assert_int_equal(json_has(json, "result.tools.0.title"), v->title);
        assert_int_equal(json_has(json, "result.tools.0.annotations.title"),
                         v->annotations && !v->title);
        assert_int_equal(json_has(json, "result.tools.0.outputSchema"), v->structured);
        assert_int_equal(json_has(json, "result.tools.0.icons"), v->icons);
        assert_true(json_has(json, "result.tools.0.inputSchema.properties.text"));
        assert_false(json_has(json, "result.tools.0.inputSchema.properties.text.x-mcp-header"));
        assert_false(json_has(json, "result.nextCursor"));
        done(x);

        x = ask(*state, v->revision, REQUEST("prompts/list", ""));
        CLEANUP(json_deletep) cJSON *prompts = reply_json(x);
        assert_int_equal(json_has(prompts, "result.prompts.0.title"), v->title);
        assert_int_equal(json_has(prompts, "result.prompts.0.arguments.0.title"), v->title);
        done(x);

        x = ask(*state, v->revision, REQUEST("resources/templates/list", ""));
        CLEANUP(json_deletep) cJSON *templates = reply_json(x);
        expect_str(templates, "result.resourceTemplates.0.uriTemplate", "mem://{x}");
        assert_int_equal(json_has(templates, "result.resourceTemplates.0.title"), v->title);
        done(x);
    }
    struct exchange *x = mcp_modern(*state, "tools/list", NULL, "");
    CLEANUP(json_deletep) cJSON *json = reply_json(x);
    expect_str(json, "result.tools.0.inputSchema.properties.text.x-mcp-header", "Text");
    done(x);
}

static void tool_results_have_the_form_of_the_revision(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(views); i++) {
        struct exchange *x =
            ask(*state, views[i].revision,
                REQUEST("tools/call", "\"name\":\"echo\",\"arguments\":{\"text\":\"a\\\"b\"}"));
        CLEANUP(json_deletep) cJSON *json = reply_json(x);
        expect_str(json, "result.content.0.text", "{\"text\":\"a\\\"b\"}");
        assert_int_equal(json_has(json, "result.structuredContent.text"), views[i].structured);
        assert_int_equal(json_has(json, "result.content.1"), views[i].structured);
        assert_true(cJSON_IsFalse(json_at(json, "result.isError")));
        done(x);
    }
}

static void handlers_know_who_asks(void **state)
{
    static const struct {
        const char *revision, *text;
    } cases[] = {
        {"2024-11-05", "alice by tester/1, session progress roots"},
        {"2025-11-25", "alice by tester/1, session structured links progress roots"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(free_p)
        char *session = mcp_initialize(*state, cases[i].revision, "{\"roots\":{\"x\":1}}");
        struct exchange *x =
            mcp_post(*state, session,
                     REQUEST("tools/call", "\"name\":\"who\",\"_meta\":{\"progressToken\":1}"));
        CLEANUP(json_deletep) cJSON *json = reply_json(x);
        expect_str(json, "result.content.0.text", cases[i].text);
        done(x);
    }
    struct exchange *x = mcp_modern_raw(
        *state,
        &(struct modern_spec){
            .body = REQUEST("tools/call",
                            "\"name\":\"who\",\"_meta\":{"
                            "\"io.modelcontextprotocol/protocolVersion\":\"" MODERN "\","
                            "\"io.modelcontextprotocol/clientInfo\":{\"name\":\"new\"},"
                            "\"io.modelcontextprotocol/clientCapabilities\":{\"roots\":{}}}"),
            .version = MODERN,
            .method = "tools/call",
            .name = "who"});
    CLEANUP(json_deletep) cJSON *json = reply_json(x);
    expect_str(json, "result.content.0.text", "alice by new, modern structured links roots");
    done(x);
}

static void tool_calls_are_checked(void **state)
{
    CLEANUP(free_p) char *session = mcp_initialize(*state, "2025-06-18", "{}");
    static const char *const bad[] = {
        REQUEST("tools/call", ""),
        REQUEST("tools/call", "\"name\":7"),
        REQUEST("tools/call", "\"name\":\"nosuch\""),
        REQUEST("tools/call", "\"name\":\"echo\",\"arguments\":[]"),
        REQUEST("tools/call", "\"name\":\"echo\",\"arguments\":null"),
        REQUEST("prompts/get", ""),
        REQUEST("prompts/get", "\"name\":\"nosuch\""),
        REQUEST("prompts/get", "\"name\":\"greeting\""),
        REQUEST("prompts/get", "\"name\":\"greeting\",\"arguments\":{\"how\":\"x\"}"),
        REQUEST("prompts/get", "\"name\":\"greeting\",\"arguments\":{\"who\":7}"),
        REQUEST("prompts/get", "\"name\":\"greeting\",\"arguments\":{\"who\":\"x\",\"how\":7}"),
        REQUEST("resources/read", ""),
        REQUEST("resources/read", "\"uri\":7"),
        REQUEST("completion/complete", ""),
        REQUEST("completion/complete", "\"ref\":{\"type\":\"ref/prompt\",\"name\":\"greeting\"}"),
        REQUEST("completion/complete", "\"ref\":{\"type\":\"ref/other\",\"name\":\"greeting\"},"
                                       "\"argument\":{\"name\":\"who\",\"value\":\"\"}"),
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_error(mcp_post(*state, session, bad[i]), 200, -32602, "1");

    struct exchange *x =
        mcp_post(*state, session,
                 REQUEST("tools/call", "\"name\":\"echo\",\"arguments\":{\"text\":\"fail\"}"));
    CLEANUP(json_deletep) cJSON *failed = reply_json(x);
    assert_true(cJSON_IsTrue(json_at(failed, "result.isError")));
    expect_str(failed, "result.content.0.text", "it failed");
    done(x);
}

static void a_prompt_is_got(void **state)
{
    struct exchange *x =
        ask(*state, "2025-06-18",
            REQUEST("prompts/get", "\"name\":\"greeting\",\"arguments\":{\"who\":\"me\"}"));
    CLEANUP(json_deletep) cJSON *json = reply_json(x);

    assert_true(json_has(json, "result.messages"));
    done(x);
}

/* The next page, dropping this one. */
static cJSON *next_page(struct mcp_fixture *f, const char *session, const cJSON *page)
{
    struct buf body = {0};

    buf_printf(&body, REQUEST("resources/list", "\"cursor\":\"%s\""),
               json_at(page, "result.nextCursor")->valuestring);
    struct exchange *x = mcp_post(f, session, body.data);
    cJSON *json = reply_json(x);
    buf_deinit(&body);
    done(x);
    return json;
}

static void resources_are_paged_over_all_packs(void **state)
{
    CLEANUP(free_p) char *session = mcp_initialize(*state, "2024-11-05", "{}");
    struct exchange *x = mcp_post(*state, session, REQUEST("resources/list", ""));
    CLEANUP(json_deletep) cJSON *first = reply_json(x);
    done(x);
    expect_str(first, "result.resources.0.uri", "mem://a");
    assert_false(json_has(first, "result.resources.0.title"));
    CLEANUP(json_deletep) cJSON *second = next_page(*state, session, first);
    expect_str(second, "result.resources.0.uri", "mem://b");
    CLEANUP(json_deletep) cJSON *third = next_page(*state, session, second);
    expect_str(third, "result.resources.0.uri", "two://c");
    assert_false(json_has(third, "result.nextCursor"));
}

static void bad_cursors_are_refused(void **state)
{
    CLEANUP(free_p) char *session = mcp_initialize(*state, "2025-06-18", "{}");
    static const char *const bad[] = {
        REQUEST("resources/list", "\"cursor\":\"x\""),
        REQUEST("resources/list", "\"cursor\":\"9:\""),
        REQUEST("resources/list", "\"cursor\":\"9999:\""),
        REQUEST("resources/list", "\"cursor\":\"0\""),
        REQUEST("resources/list", "\"cursor\":\":\""),
        REQUEST("resources/list", "\"cursor\":\"0:nosuch\""),
        REQUEST("resources/list", "\"cursor\":7"),
        REQUEST("tools/list", "\"cursor\":\"x\""),
        REQUEST("prompts/list", "\"cursor\":\"0:\""),
        REQUEST("resources/templates/list", "\"cursor\":[]"),
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_error(mcp_post(*state, session, bad[i]), 200, -32602, "1");
    struct exchange *x = mcp_post(*state, session, REQUEST("tools/list", "\"cursor\":null"));
    assert_non_null(strstr(memory_body(x), "\"result\""));
    done(x);
}

static void an_unknown_resource_is_told_by_revision(void **state)
{
    CLEANUP(free_p) char *session = mcp_initialize(*state, "2025-11-25", "{}");
    static const char *const uris[] = {"mem://gone", "other://x", ""};

    for (size_t i = 0; i < ARRAY_LEN(uris); i++) {
        struct buf params = {0}, body = {0};
        buf_printf(&params, "\"uri\":\"%s\"", uris[i]);
        buf_printf(&body, REQUEST("resources/read", "%s"), params.data);
        struct exchange *x = mcp_post(*state, session, body.data);
        CLEANUP(json_deletep) cJSON *legacy = reply_json(x);
        expect_str(legacy, "error.data.uri", uris[i]);
        expect_error(x, 200, -32002, "1");
        x = mcp_modern(*state, "resources/read", uris[i], params.data);
        CLEANUP(json_deletep) cJSON *modern = reply_json(x);
        expect_str(modern, "error.data.uri", uris[i]);
        expect_error(x, 200, -32602, "1");
        buf_deinit(&params);
        buf_deinit(&body);
    }
    struct exchange *x =
        mcp_post(*state, session, REQUEST("resources/read", "\"uri\":\"mem://a\""));
    CLEANUP(json_deletep) cJSON *json = reply_json(x);
    expect_str(json, "result.contents.0.text", "here");
    done(x);
}

static void completion_of_what_nobody_knows_is_empty(void **state)
{
    CLEANUP(free_p) char *session = mcp_initialize(*state, "2025-06-18", "{}");
#define COMPLETE(name)                                                                        \
    REQUEST("completion/complete", "\"ref\":{\"type\":\"ref/prompt\",\"name\":\"" name "\"}," \
                                   "\"argument\":{\"name\":\"who\",\"value\":\"A\"}")
    struct exchange *x = mcp_post(*state, session, COMPLETE("greeting"));
    CLEANUP(json_deletep) cJSON *known = reply_json(x);
    done(x);
    expect_str(known, "result.completion.values.0", "Ada");
    x = mcp_post(*state, session, COMPLETE("nosuch"));
    CLEANUP(json_deletep) cJSON *unknown = reply_json(x);
    done(x);
    assert_int_equal(cJSON_GetArraySize(json_at(unknown, "result.completion.values")), 0);
}

/* ---- input ---- */

static struct exchange *input(struct mcp_fixture *f, const char *principal, const char *tool,
                              const char *state_text)
{
    struct buf body = {0};
    const struct exchange_header headers[] = {
        {"content-type", "application/json"},
        {"mcp-protocol-version", MODERN},
        {"mcp-method", "tools/call"},
        {"mcp-name", tool},
        {NULL, NULL},
    };

    buf_printf(&body, REQUEST("tools/call", "\"name\":\"%s\"," ENVELOPE), tool);
    if (state_text) {
        buf_deinit(&body);
        buf_printf(&body,
                   REQUEST("tools/call", "\"name\":\"%s\",\"requestState\":\"%s\","
                                         "\"inputResponses\":{\"name\":{}}," ENVELOPE),
                   tool, state_text);
    }
    struct exchange *x = mcp_send(
        f, &(struct memory_request){.body = body.data, .principal = principal, .headers = headers});
    buf_deinit(&body);
    return x;
}

static void input_is_asked_of_those_who_can(void **state)
{
    struct exchange *x = input(*state, NULL, "input", NULL);
    CLEANUP(json_deletep) cJSON *json = reply_json(x);

    expect_str(json, "result.resultType", "input_required");
    expect_str(json, "result.inputRequests.name.method", "elicitation/create");
    assert_false(json_has(json, "result.inputRequests.poem")); /* sampling is not declared */
    assert_false(json_has(json, "result.ttlMs"));
    done(x);

    x = mcp_modern_raw(
        *state,
        &(struct modern_spec){
            .body = REQUEST("tools/call", "\"name\":\"input\",\"_meta\":{"
                                          "\"io.modelcontextprotocol/protocolVersion\":\"" MODERN
                                          "\",\"io.modelcontextprotocol/clientCapabilities\":{}}"),
            .version = MODERN,
            .method = "tools/call",
            .name = "input"});
    expect_error(x, 400, -32021, "1");
}

static void state_comes_back_only_as_it_was_given(void **state)
{
    struct exchange *x = input(*state, NULL, "input", NULL);
    CLEANUP(json_deletep) cJSON *json = reply_json(x);
    CLEANUP(free_p) char *token = xstrdup(json_at(json, "result.requestState")->valuestring);
    done(x);

    x = input(*state, NULL, "input", token);
    CLEANUP(json_deletep) cJSON *fine = reply_json(x);
    expect_str(fine, "result.content.0.text", "step 1");
    done(x);

    expect_error(input(*state, "mallory", "input", token), 200, -32602, "1");
    expect_error(input(*state, NULL, "input", "forged"), 200, -32602, "1");
    expect_error(input(*state, NULL, "input", ""), 200, -32602, "1");
    for (size_t i = 0; i < strlen(token); i += 7) {
        CLEANUP(free_p) char *bent = xstrdup(token);
        bent[i] = bent[i] == 'A' ? 'B' : 'A';
        expect_error(input(*state, NULL, "input", bent), 200, -32602, "1");
    }
    clock_hold(clock_mono_us(), clock_real_us() + 601 * 1000000ull);
    expect_error(input(*state, NULL, "input", token), 200, -32602, "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MCP_TEST(tools_show_what_the_revision_knows),
        MCP_TEST(tool_results_have_the_form_of_the_revision),
        MCP_TEST(handlers_know_who_asks),
        MCP_TEST(tool_calls_are_checked),
        MCP_TEST(a_prompt_is_got),
        MCP_TEST(resources_are_paged_over_all_packs),
        MCP_TEST(bad_cursors_are_refused),
        MCP_TEST(an_unknown_resource_is_told_by_revision),
        MCP_TEST(completion_of_what_nobody_knows_is_empty),
        MCP_TEST(input_is_asked_of_those_who_can),
        MCP_TEST(state_comes_back_only_as_it_was_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
