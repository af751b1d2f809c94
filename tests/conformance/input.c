/* Tools and a prompt of 2026-07-28 that need input: they answer with what they need, and the client
 * asks again with it. Earlier revisions get a tool error. */
#include <string.h>

#include "tests/conformance/fixtures.h"

#define SAMPLE(prompt)                                                                     \
    "{\"method\":\"sampling/createMessage\",\"params\":{\"messages\":[{\"role\":\"user\"," \
    "\"content\":{\"type\":\"text\",\"text\":\"" prompt "\"}}],\"maxTokens\":100}}"
#define ROOTS   "{\"method\":\"roots/list\",\"params\":{}}"
#define CONFIRM "\"confirm\":" ELICIT("Please confirm", "ok", "boolean")

static void need(struct mcp_request *rq, const char *requests, const char *state)
{
    if (!mcp_request_is_modern(rq))
        mcp_reply_tool_error(rq, "This tool needs a client of 2026-07-28");
    else
        mcp_reply_input_required(rq, fixture_json(requests), state);
}

/* The same with a state that only this server can have made. */
static void need_signed(struct mcp_request *rq, const char *requests, const char *payload)
{
    CLEANUP(free_p) char *state = mcp_state_sign(rq, payload);
    need(rq, requests, state);
}

const char *fixture_answer(struct mcp_request *rq, const char *key, const char *property)
{
    const cJSON *response = mcp_input_response(rq, key);
    const char *action, *value = NULL;

    if (!json_get_str(response, "action", &action) || strcmp(action, "accept") != 0)
        return NULL;
    (void)json_get_str(json_get(response, "content"), property, &value);
    return value;
}

/* Whether the client sent the state that says `payload`. */
static bool is_at(const char *state, const char *payload)
{
    return state && strcmp(state, payload) == 0;
}

DESCRIBE(test_input_required_result_elicitation, "Greets who says a name", "")
static void call_test_input_required_result_elicitation(struct mcp_request *rq,
                                                        const cJSON *arguments, void *arg)
{
    const char *name = fixture_answer(rq, "user_name", "name");

    if (name)
        fixture_reply_text(rq, "Hello, %s!", name);
    else
        need(rq, "{" USER_NAME "}", NULL);
}

DESCRIBE(test_streaming_elicitation, "Needs a name", "")
#define call_test_streaming_elicitation call_test_input_required_result_elicitation

DESCRIBE(test_input_required_result_sampling, "Has the client's model answer a question", "")
static void call_test_input_required_result_sampling(struct mcp_request *rq, const cJSON *arguments,
                                                     void *arg)
{
    const cJSON *response = mcp_input_response(rq, "capital_question");
    const char *text;

    if (json_get_str(json_get(response, "content"), "text", &text))
        fixture_reply_text(rq, "The model says: %s", text);
    else
        need(rq, "{\"capital_question\":" SAMPLE("What is the capital of France?") "}", NULL);
}

DESCRIBE(test_input_required_result_list_roots, "Counts the client's roots", "")
static void call_test_input_required_result_list_roots(struct mcp_request *rq,
                                                       const cJSON *arguments, void *arg)
{
    const cJSON *roots = json_get(mcp_input_response(rq, "client_roots"), "roots");

    if (cJSON_IsArray(roots))
        fixture_reply_text(rq, "Roots: %d", cJSON_GetArraySize(roots));
    else
        need(rq, "{\"client_roots\":" ROOTS "}", NULL);
}

DESCRIBE(test_input_required_result_request_state, "Keeps its state at the client", "")
static void call_test_input_required_result_request_state(struct mcp_request *rq,
                                                          const cJSON *arguments, void *arg)
{
    CLEANUP(free_p) char *state = mcp_state_verify(rq);

    if (mcp_input_response(rq, "confirm") && is_at(state, "asked"))
        fixture_reply_text(rq, "state-ok");
    else
        need_signed(rq, "{" CONFIRM "}", "asked");
}

DESCRIBE(test_input_required_result_tampered_state, "Refuses a state that is not its own", "")
static void call_test_input_required_result_tampered_state(struct mcp_request *rq,
                                                           const cJSON *arguments, void *arg)
{
    CLEANUP(free_p) char *state = mcp_state_verify(rq);

    if (mcp_request_state(rq) && !state)
        mcp_reply_error(rq, -32602, "requestState is not what this server gave out", NULL);
    else if (mcp_input_response(rq, "confirm") && state)
        fixture_reply_text(rq, "state-ok");
    else
        need_signed(rq, "{" CONFIRM "}", "asked");
}

DESCRIBE(test_input_required_result_multiple_inputs, "Needs three things at once", "")
static void call_test_input_required_result_multiple_inputs(struct mcp_request *rq,
                                                            const cJSON *arguments, void *arg)
{
    CLEANUP(free_p) char *state = mcp_state_verify(rq);

    if (mcp_input_response(rq, "user_name") && mcp_input_response(rq, "greeting") &&
        mcp_input_response(rq, "client_roots") && is_at(state, "asked"))
        fixture_reply_text(rq, "All three are here.");
    else
        need_signed(
            rq, "{" USER_NAME ",\"greeting\":" SAMPLE("Say hello") ",\"client_roots\":" ROOTS "}",
            "asked");
}

DESCRIBE(test_input_required_result_multi_round, "Needs one thing after the other", "")
static void call_test_input_required_result_multi_round(struct mcp_request *rq,
                                                        const cJSON *arguments, void *arg)
{
    CLEANUP(free_p) char *state = mcp_state_verify(rq);

    if (is_at(state, "step2") && mcp_input_response(rq, "step2"))
        fixture_reply_text(rq, "Both steps are done.");
    else if (is_at(state, "step2") || (is_at(state, "step1") && mcp_input_response(rq, "step1")))
        need_signed(rq, "{\"step2\":" ELICIT("Which color?", "color", "string") "}", "step2");
    else
        need_signed(rq, "{\"step1\":" ELICIT("What is your name?", "name", "string") "}", "step1");
}

DESCRIBE(test_input_required_result_capabilities, "Asks in whatever way the client can answer", "")
static void call_test_input_required_result_capabilities(struct mcp_request *rq,
                                                         const cJSON *arguments, void *arg)
{
    if (mcp_input_response(rq, "user_name") || mcp_input_response(rq, "greeting"))
        fixture_reply_text(rq, "Thank you.");
    else
        need(rq, "{" USER_NAME ",\"greeting\":" SAMPLE("Say hello") "}", NULL);
}

static const struct mcp_tool tools[] = {
    TOOL(test_input_required_result_elicitation),
    TOOL(test_streaming_elicitation),
    TOOL(test_input_required_result_sampling),
    TOOL(test_input_required_result_list_roots),
    TOOL(test_input_required_result_request_state),
    TOOL(test_input_required_result_tampered_state),
    TOOL(test_input_required_result_multiple_inputs),
    TOOL(test_input_required_result_multi_round),
    TOOL(test_input_required_result_capabilities),
};
const struct tool_set input_tools = {tools, ARRAY_LEN(tools)};

static void get_input_prompt(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    if (fixture_answer(rq, "user_context", "context"))
        fixture_reply(rq, "{\"messages\":[{\"role\":\"user\",\"content\":{\"type\":\"text\","
                          "\"text\":\"A prompt in context.\"}}]}");
    else if (mcp_request_is_modern(rq))
        need(rq, "{\"user_context\":" ELICIT("What is it about?", "context", "string") "}", NULL);
    else
        mcp_reply_error(rq, -32602, "This prompt needs a client of 2026-07-28", NULL);
}

static const struct mcp_prompt prompts[] = {
    {.name = "test_input_required_result_prompt",
     .descriptor = "{\"name\":\"test_input_required_result_prompt\","
                   "\"description\":\"Needs to know what it is about\"}",
     .get = get_input_prompt},
};
const struct prompt_set input_prompts = {prompts, ARRAY_LEN(prompts)};
