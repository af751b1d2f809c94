/* Tools that ask the client before they answer, in the revisions that have server requests. */
#include <string.h>

#include "tests/conformance/fixtures.h"

/* What an answer is told as. */
static void tell(struct mcp_request *rq, const cJSON *result, void *arg)
{
    CLEANUP(free_p) char *text = NULL;

    if (!result) {
        mcp_reply_tool_error(rq, "The client gave no answer");
        return;
    }
    text = json_print(result);
    fixture_reply_text(rq, "%s: %s", (const char *)arg, text);
}

/* method, params: what to send. label: static. */
static void ask(struct mcp_request *rq, const char *method, cJSON *params, const char *label)
{
    if (!mcp_ask(rq, method, params, tell, (void *)label))
        mcp_reply_tool_error(rq, "The client can't be asked");
}

static void elicit(struct mcp_request *rq, const char *message, const char *schema,
                   const char *label)
{
    cJSON *params = cJSON_CreateObject();

    cJSON_AddStringToObject(params, "message", message);
    cJSON_AddItemToObject(params, "requestedSchema", fixture_json(schema));
    ask(rq, "elicitation/create", params, label);
}

static void tell_sample(struct mcp_request *rq, const cJSON *result, void *arg)
{
    const char *text = NULL;

    if (json_get_str(json_get(result, "content"), "text", &text))
        fixture_reply_text(rq, "LLM response: %s", text);
    else
        mcp_reply_tool_error(rq, "The client gave no answer");
}

DESCRIBE(test_sampling, "Has the client's model answer a prompt",
         "\"prompt\":{\"type\":\"string\"}")
static void call_test_sampling(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    const char *prompt = "Hello";
    cJSON *params = cJSON_CreateObject();
    cJSON *message = cJSON_CreateObject();
    cJSON *content = cJSON_CreateObject();

    (void)json_get_str(arguments, "prompt", &prompt);
    cJSON_AddStringToObject(content, "type", "text");
    cJSON_AddStringToObject(content, "text", prompt);
    cJSON_AddStringToObject(message, "role", "user");
    cJSON_AddItemToObject(message, "content", content);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(params, "messages"), message);
    cJSON_AddNumberToObject(params, "maxTokens", 100);
    if (!mcp_ask(rq, "sampling/createMessage", params, tell_sample, NULL))
        mcp_reply_tool_error(rq, "The client can't be asked");
}

DESCRIBE(test_elicitation, "Asks the user for a name and an address",
         "\"message\":{\"type\":\"string\"}")
static void call_test_elicitation(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    const char *message = "Who are you?";

    (void)json_get_str(arguments, "message", &message);
    elicit(rq, message,
           "{\"type\":\"object\",\"properties\":{"
           "\"username\":{\"type\":\"string\",\"description\":\"User's response\"},"
           "\"email\":{\"type\":\"string\",\"description\":\"User's email address\"}},"
           "\"required\":[\"username\",\"email\"]}",
           "User response");
}

DESCRIBE(test_elicitation_sep1034_defaults, "Asks with a default for each type", "")
static void call_test_elicitation_sep1034_defaults(struct mcp_request *rq, const cJSON *arguments,
                                                   void *arg)
{
    elicit(rq, "Please review the defaults",
           "{\"type\":\"object\",\"properties\":{"
           "\"name\":{\"type\":\"string\",\"default\":\"John Doe\"},"
           "\"age\":{\"type\":\"integer\",\"default\":30},"
           "\"score\":{\"type\":\"number\",\"default\":95.5},"
           "\"status\":{\"type\":\"string\",\"enum\":[\"active\",\"inactive\",\"pending\"],"
           "\"default\":\"active\"},"
           "\"verified\":{\"type\":\"boolean\",\"default\":true}},\"required\":[]}",
           "Elicitation completed");
}

DESCRIBE(test_elicitation_sep1330_enums, "Asks with each form of choice", "")
static void call_test_elicitation_sep1330_enums(struct mcp_request *rq, const cJSON *arguments,
                                                void *arg)
{
    elicit(
        rq, "Please choose",
        "{\"type\":\"object\",\"properties\":{"
        "\"untitledSingle\":{\"type\":\"string\",\"enum\":[\"option1\",\"option2\",\"option3\"]},"
        "\"titledSingle\":{\"type\":\"string\",\"oneOf\":["
        "{\"const\":\"value1\",\"title\":\"First\"},{\"const\":\"value2\",\"title\":\"Second\"},"
        "{\"const\":\"value3\",\"title\":\"Third\"}]},"
        "\"legacyEnum\":{\"type\":\"string\",\"enum\":[\"opt1\",\"opt2\",\"opt3\"],"
        "\"enumNames\":[\"One\",\"Two\",\"Three\"]},"
        "\"untitledMulti\":{\"type\":\"array\",\"items\":{\"type\":\"string\","
        "\"enum\":[\"option1\",\"option2\",\"option3\"]}},"
        "\"titledMulti\":{\"type\":\"array\",\"items\":{\"anyOf\":["
        "{\"const\":\"value1\",\"title\":\"First\"},{\"const\":\"value2\",\"title\":\"Second\"},"
        "{\"const\":\"value3\",\"title\":\"Third\"}]}}},\"required\":[]}",
        "Elicitation completed");
}

static const struct mcp_tool tools[] = {
    TOOL(test_sampling),
    TOOL(test_elicitation),
    TOOL(test_elicitation_sep1034_defaults),
    TOOL(test_elicitation_sep1330_enums),
};
const struct tool_set ask_tools = {tools, ARRAY_LEN(tools)};
