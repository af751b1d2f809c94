/* Commands that a person has to confirm: asked before anything runs, started at most once. */
#include <stdio.h>

#include "server/mcp/confirm_rules.h"
#include "state/base/clock.h"
#include "tests/unit/pack_fixture.h"

static char *rules[] = {(char *)"\\bsudo\\b", (char *)"rm +-[a-z]*r", NULL};

static int set_up(void **state)
{
    int r = pack_set_up(state);
    struct pack_fixture *f = *state;
    f->mcp.config.confirm_commands = (struct config_strings){.v = rules, .n = 2};
    pack_execution(f, "hello\n");
    return r;
}
#define CONFIRM_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, pack_tear_down)

/* ---- rules ---- */

static char *rule_of(const struct config *c, const char *command, const char *profile)
{
    struct spec_sandbox sandbox = {.profile = (char *)profile};
    const struct exec_spec spec = {.command = (char *)command,
                                   .sandbox = profile ? &sandbox : NULL};
    return confirm_rule_find(c, &spec);
}

static void expect_rule(const struct config *c, const char *command, const char *profile,
                        const char *wanted)
{
    CLEANUP(free_p) char *rule = rule_of(c, command, profile);
    if (!wanted) {
        assert_null(rule);
        return;
    }
    assert_non_null(rule);
    assert_string_equal(rule, wanted);
}

static void rules_hold_for_commands_profiles_and_lengths(void **state)
{
    char *profiles[] = {(char *)"none", (char *)"wide", NULL};
    struct config c = {.confirm_commands = {.v = rules, .n = 2}};
    expect_rule(&c, "ls", NULL, NULL);
    expect_rule(&c, "pseudo x", NULL, NULL);
    expect_rule(&c, "ls; sudo ls", NULL, "confirm.commands \"\\bsudo\\b\"");
    expect_rule(&c, "cd /\nrm -fr x", NULL, "confirm.commands \"rm +-[a-z]*r\"");
    expect_rule(&c, "python: os.system('sudo x')", NULL, "confirm.commands \"\\bsudo\\b\"");
    c.confirm_profiles = (struct config_strings){.v = profiles, .n = 2};
    expect_rule(&c, "ls", NULL, "confirm.profiles \"none\"");
    expect_rule(&c, "ls", "wide", "confirm.profiles \"wide\"");
    expect_rule(&c, "ls", "default", NULL);
    c.confirm_longer_bytes = 4;
    expect_rule(&c, "true", "default", NULL);
    expect_rule(&c, "false", "default", "confirm.longer_than 4 bytes");
}

/* What an expression can't be tried on within bounds is asked about, not let through. */
static void what_can_not_be_looked_through_is_asked_about(void **state)
{
    char *slow[] = {(char *)"(a+)+$", NULL};
    struct config c = {.confirm_commands = {.v = rules, .n = 1}};
    CLEANUP(buf_deinit) struct buf big = {0}, as = {0};
    for (int i = 0; i < 20000; i++)
        buf_append_char(&big, 'x');
    expect_rule(&c, big.data, NULL, "confirm.commands \"\\bsudo\\b\"");
    c.confirm_commands.v = slow;
    for (int i = 0; i < 4000; i++)
        buf_append_char(&as, 'a');
    buf_append_char(&as, '!');
    expect_rule(&c, as.data, NULL, "confirm.commands \"(a+)+$\"");
}

/* ---- 2026-07-28 ---- */

#define SUDO   "{\"command\":\"sudo ls\"}"
#define ACCEPT "{\"action\":\"accept\",\"content\":{\"confirm\":true}}"

/* A call with an answer to the question, and a state (NULL: without). */
static cJSON *call_again(struct pack_fixture *f, const char *tool, const char *arguments,
                         const char *answer, const char *state)
{
    CLEANUP(buf_deinit) struct buf params = {0};
    buf_printf(&params, "\"name\":\"%s\",\"arguments\":%s,\"inputResponses\":{%s%s}", tool,
               arguments, answer ? "\"confirm\":" : "", answer ? answer : "");
    if (state)
        buf_printf(&params, ",\"requestState\":\"%s\"", state);
    struct exchange *x = mcp_modern(&f->mcp, "tools/call", tool, params.data);
    cJSON *reply = reply_json(x);
    done(x);
    return reply;
}

/* The state of the question that a call is answered with; the caller's. */
static char *expect_question(const cJSON *reply)
{
    expect_str(reply, "result.resultType", "input_required");
    expect_str(reply, "result.inputRequests.confirm.method", "elicitation/create");
    return xstrdup(json_at(reply, "result.requestState")->valuestring);
}

static char *ask(struct pack_fixture *f, const char *tool, const char *arguments)
{
    struct exchange *x = pack_send(f, tool, arguments);
    CLEANUP(json_deletep) cJSON *reply = reply_json(x);
    done(x);
    assert_int_equal(f->reactor.submitted, 0);
    return expect_question(reply);
}

static void what_no_rule_is_for_runs_at_once(void **state)
{
    struct pack_fixture *f = *state;
    CLEANUP(json_deletep) cJSON *r = pack_call(f, "execute_code", "{\"command\":\"ls\"}");
    expect_str(r, "structuredContent.execution_id", PACK_ID);
    assert_null(f->reactor.spec->idempotency_key);
    assert_int_equal(f->reactor.submitted, 1);
}

static void a_question_shows_the_command_and_the_rule(void **state)
{
    struct pack_fixture *f = *state;
    struct exchange *x = pack_send(f, "execute_code", SUDO);
    CLEANUP(json_deletep) cJSON *reply = reply_json(x);
    done(x);
    free(expect_question(reply));
    const char *message =
        json_at(reply, "result.inputRequests.confirm.params.message")->valuestring;
    assert_non_null(strstr(message, "sudo ls"));
    assert_non_null(strstr(message, "confirm.commands \"\\bsudo\\b\""));
    expect_str(reply, "result.inputRequests.confirm.params.mode", "form");
    expect_str(reply, "result.inputRequests.confirm.params.requestedSchema.properties.confirm.type",
               "boolean");
    assert_false(json_has(reply, "result.ttlMs"));
    assert_int_equal(f->reactor.submitted, 0);
}

static void what_was_confirmed_starts_once_however_often_it_is_sent(void **state)
{
    struct pack_fixture *f = *state;
    char key[64] = "", hash[80] = "";
    CLEANUP(free_p) char *token = ask(f, "execute_code", SUDO);
    for (unsigned i = 1; i <= 3; i++) {
        CLEANUP(json_deletep) cJSON *reply = call_again(f, "execute_code", SUDO, ACCEPT, token);
        expect_str(reply, "result.structuredContent.execution_id", PACK_ID);
        assert_int_equal(f->reactor.submitted, i);
        assert_non_null(f->reactor.spec->idempotency_key);
        if (i > 1) { /* by one key the reactor starts once */
            assert_string_equal(f->reactor.spec->idempotency_key, key);
            assert_string_equal(f->reactor.spec->request_hash, hash);
        }
        (void)snprintf(key, sizeof(key), "%s", f->reactor.spec->idempotency_key);
        (void)snprintf(hash, sizeof(hash), "%s", f->reactor.spec->request_hash);
    }
    /* Another question is another start. */
    f->reactor.submitted = 0;
    CLEANUP(free_p) char *other = ask(f, "execute_code", SUDO);
    CLEANUP(json_deletep) cJSON *reply = call_again(f, "execute_code", SUDO, ACCEPT, other);
    assert_true(json_has(reply, "result.structuredContent"));
    assert_string_not_equal(f->reactor.spec->idempotency_key, key);
}

static void a_key_of_the_clients_own_stays(void **state)
{
    static const char arguments[] = "{\"command\":\"sudo ls\",\"idempotency_key\":\"mine\"}";
    struct pack_fixture *f = *state;
    CLEANUP(free_p) char *token = ask(f, "execute_code_async", arguments);
    CLEANUP(json_deletep)
    cJSON *reply = call_again(f, "execute_code_async", arguments, ACCEPT, token);
    assert_true(json_has(reply, "result.structuredContent"));
    assert_string_equal(f->reactor.spec->idempotency_key, "mine");
}

static void a_state_is_good_for_its_call_alone(void **state)
{
    struct pack_fixture *f = *state;
    CLEANUP(free_p) char *token = ask(f, "execute_code", SUDO), *bent = xstrdup(token);
    bent[10] = bent[10] == 'A' ? 'B' : 'A';
    const struct {
        const char *tool, *arguments, *state;
    } rows[] = {
        {"execute_code", "{\"command\":\"sudo rm\"}", token},
        {"execute_code", "{\"command\":\"sudo ls\",\"working_directory\":\"/tmp\"}", token},
        {"execute_code", "{\"command\":\"sudo ls\",\"idempotency_key\":\"k\"}", token},
        {"execute_code_async", SUDO, token},
        {"execute_code", SUDO, bent},
        {"execute_code", SUDO, "AAAA"},
        {"execute_code", SUDO, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(json_deletep)
        cJSON *reply = call_again(f, rows[i].tool, rows[i].arguments, ACCEPT, rows[i].state);
        expect_int(reply, "error.code", -32602);
    }
    assert_int_equal(f->reactor.submitted, 0);
}

static void a_state_expires(void **state)
{
    struct pack_fixture *f = *state;
    uint64_t mono = clock_mono_us(), real = clock_real_us();
    clock_hold(mono, real);
    CLEANUP(free_p) char *token = ask(f, "execute_code", SUDO);
    clock_hold(mono, real + 601 * UINT64_C(1000000));
    CLEANUP(json_deletep) cJSON *reply = call_again(f, "execute_code", SUDO, ACCEPT, token);
    expect_int(reply, "error.code", -32602);
    assert_int_equal(f->reactor.submitted, 0);
}

static void a_state_of_another_principal_is_refused(void **state)
{
    struct pack_fixture *f = *state;
    CLEANUP(free_p) char *token = ask(f, "execute_code", SUDO);
    CLEANUP(buf_deinit) struct buf body = {0};
    buf_printf(&body,
               "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{" ENVELOPE
               ",\"name\":\"execute_code\",\"arguments\":" SUDO
               ",\"inputResponses\":{\"confirm\":" ACCEPT "},\"requestState\":\"%s\"}}",
               token);
    const struct exchange_header headers[] = {
        {"content-type", "application/json"}, {"accept", "application/json, text/event-stream"},
        {"mcp-protocol-version", MODERN},     {"mcp-method", "tools/call"},
        {"mcp-name", "execute_code"},         {NULL, NULL}};
    struct exchange *x = mcp_send(
        &f->mcp,
        &(struct memory_request){.body = body.data, .headers = headers, .principal = "bob"});
    expect_error(x, 200, -32602, "1");
    assert_int_equal(f->reactor.submitted, 0);
}

static void a_no_is_a_refusal_and_nonsense_is_asked_again(void **state)
{
    static const char *const noes[] = {
        "{\"action\":\"decline\"}",
        "{\"action\":\"cancel\"}",
        "{\"action\":\"accept\",\"content\":{\"confirm\":false}}",
    };
    static const char *const nonsense[] = {
        NULL,
        "{}",
        "7",
        "{\"action\":\"accept\"}",
        "{\"action\":\"accept\",\"content\":{\"confirm\":\"true\"}}",
        "{\"action\":\"accept\",\"content\":[true]}",
        "{\"action\":\"yes\",\"content\":{\"confirm\":true}}",
        "{\"action\":true}",
    };
    struct pack_fixture *f = *state;
    CLEANUP(free_p) char *token = ask(f, "execute_code", SUDO);
    for (size_t i = 0; i < ARRAY_LEN(noes); i++) {
        CLEANUP(json_deletep) cJSON *reply = call_again(f, "execute_code", SUDO, noes[i], token);
        assert_true(cJSON_IsTrue(json_at(reply, "result.isError")));
        const char *text = json_at(reply, "result.content.0.text")->valuestring;
        assert_non_null(strstr(text, "did not confirm"));
        assert_non_null(strstr(text, "confirm.commands"));
    }
    for (size_t i = 0; i < ARRAY_LEN(nonsense); i++) {
        CLEANUP(json_deletep)
        cJSON *reply = call_again(f, "execute_code", SUDO, nonsense[i], token);
        free(expect_question(reply));
    }
    /* An answer without a state was never asked for. */
    CLEANUP(json_deletep) cJSON *reply = call_again(f, "execute_code", SUDO, ACCEPT, NULL);
    free(expect_question(reply));
    assert_int_equal(f->reactor.submitted, 0);
}

static void a_modern_client_that_can_not_be_asked_is_told(void **state)
{
    struct pack_fixture *f = *state;
    struct exchange *x = mcp_modern_raw(
        &f->mcp,
        &(struct modern_spec){
            .body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"_meta\":"
                    "{\"io.modelcontextprotocol/protocolVersion\":\"" MODERN "\","
                    "\"io.modelcontextprotocol/clientCapabilities\":{}},"
                    "\"name\":\"execute_code\",\"arguments\":" SUDO "}}",
            .version = MODERN,
            .method = "tools/call",
            .name = "execute_code"});
    assert_int_equal(memory_status(x), 400);
    CLEANUP(json_deletep) cJSON *reply = reply_json(x);
    expect_int(reply, "error.code", -32021);
    assert_true(json_has(reply, "error.data.requiredCapabilities.elicitation"));
    assert_non_null(strstr(json_at(reply, "error.message")->valuestring,
                           "confirm.commands \"\\bsudo\\b\" wants this command confirmed"));
    done(x);
    assert_int_equal(f->reactor.submitted, 0);
}

/* ---- before ---- */

#define LEGACY_CALL                                                                 \
    "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"name\":" \
    "\"execute_code\",\"arguments\":" SUDO "}}"

/* The id of the question on the stream of a call. */
static int question_id(const struct exchange *x)
{
    CLEANUP(json_deletep) cJSON *question = event_json(x, 0);
    expect_str(question, "method", "elicitation/create");
    assert_false(json_has(question, "params.mode"));
    assert_non_null(strstr(json_at(question, "params.message")->valuestring, "sudo ls"));
    return json_at(question, "id")->valueint;
}

static void answer(struct pack_fixture *f, const char *session, int id, const char *rest)
{
    CLEANUP(buf_deinit) struct buf body = {0};
    buf_printf(&body, "{\"jsonrpc\":\"2.0\",\"id\":%d,%s}", id, rest);
    done(mcp_post(&f->mcp, session, body.data));
}

static void older_clients_are_asked_on_the_stream_of_the_call(void **state)
{
    static const struct {
        const char *answer, *text; /* NULL: it was started */
    } rows[] = {
        {"\"result\":" ACCEPT, NULL},
        {"\"result\":{\"action\":\"decline\"}", "did not confirm"},
        {"\"result\":{\"action\":\"accept\",\"content\":{\"confirm\":false}}", "did not confirm"},
        {"\"result\":{\"action\":\"accept\",\"content\":{}}", "gave no answer"},
        {"\"error\":{\"code\":-1,\"message\":\"no\"}", "gave no answer"},
    };
    static const char *const revisions[] = {"2025-06-18", "2025-11-25"};
    struct pack_fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows) * 2; i++) {
        CLEANUP(free_p)
        char *session = mcp_initialize(&f->mcp, revisions[i % 2], "{\"elicitation\":{}}");
        struct exchange *x = mcp_post(&f->mcp, session, LEGACY_CALL);
        f->reactor.submitted = 0;
        answer(f, session, question_id(x), rows[i / 2].answer);
        CLEANUP(json_deletep) cJSON *reply = event_json(x, 1);
        expect_int(reply, "id", 7);
        assert_int_equal(cJSON_IsTrue(json_at(reply, "result.isError")), rows[i / 2].text != NULL);
        assert_int_equal(f->reactor.submitted, rows[i / 2].text == NULL);
        if (rows[i / 2].text)
            assert_non_null(
                strstr(json_at(reply, "result.content.0.text")->valuestring, rows[i / 2].text));
        done(x);
    }
}

static void older_clients_that_can_not_be_asked_are_refused(void **state)
{
    static const char *const rows[][2] = {{"2024-11-05", "{\"elicitation\":{}}"},
                                          {"2025-03-26", "{\"elicitation\":{}}"},
                                          {"2025-06-18", "{}"},
                                          {"2025-11-25", "{\"sampling\":{}}"}};
    struct pack_fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(free_p) char *session = mcp_initialize(&f->mcp, rows[i][0], rows[i][1]);
        struct exchange *x = mcp_post(&f->mcp, session, LEGACY_CALL);
        CLEANUP(json_deletep) cJSON *reply = reply_json(x);
        assert_true(cJSON_IsTrue(json_at(reply, "result.isError")));
        assert_non_null(
            strstr(json_at(reply, "result.content.0.text")->valuestring, "can't be asked"));
        done(x);
    }
    assert_int_equal(f->reactor.submitted, 0);
}

static void a_call_that_is_given_up_while_it_asks_starts_nothing(void **state)
{
    struct pack_fixture *f = *state;
    CLEANUP(free_p)
    char *session = mcp_initialize(&f->mcp, "2025-11-25", "{\"elicitation\":{}}");
    struct exchange *x = mcp_post(&f->mcp, session, LEGACY_CALL);
    int id = question_id(x);
    done(mcp_post(&f->mcp, session,
                  "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{"
                  "\"requestId\":7}}"));
    answer(f, session, id, "\"result\":" ACCEPT);
    done(x);

    x = mcp_post(&f->mcp, session, LEGACY_CALL);
    id = question_id(x);
    memory_client_goes(x);
    memory_home_run(f->mcp.home);
    answer(f, session, id, "\"result\":" ACCEPT);
    done(x);

    clock_hold(clock_mono_us(), clock_real_us());
    x = mcp_post(&f->mcp, session, LEGACY_CALL);
    clock_hold(clock_mono_us() + UINT64_C(301) * 1000000, clock_real_us());
    memory_home_run(f->mcp.home);
    CLEANUP(json_deletep) cJSON *late = event_json(x, 1);
    assert_true(cJSON_IsTrue(json_at(late, "result.isError")));
    done(x);
    assert_int_equal(f->reactor.submitted, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_hold_for_commands_profiles_and_lengths),
        cmocka_unit_test(what_can_not_be_looked_through_is_asked_about),
        CONFIRM_TEST(what_no_rule_is_for_runs_at_once),
        CONFIRM_TEST(a_question_shows_the_command_and_the_rule),
        CONFIRM_TEST(what_was_confirmed_starts_once_however_often_it_is_sent),
        CONFIRM_TEST(a_key_of_the_clients_own_stays),
        CONFIRM_TEST(a_state_is_good_for_its_call_alone),
        CONFIRM_TEST(a_state_expires),
        CONFIRM_TEST(a_state_of_another_principal_is_refused),
        CONFIRM_TEST(a_no_is_a_refusal_and_nonsense_is_asked_again),
        CONFIRM_TEST(a_modern_client_that_can_not_be_asked_is_told),
        CONFIRM_TEST(older_clients_are_asked_on_the_stream_of_the_call),
        CONFIRM_TEST(older_clients_that_can_not_be_asked_are_refused),
        CONFIRM_TEST(a_call_that_is_given_up_while_it_asks_starts_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
