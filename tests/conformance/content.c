/* Tools and prompts whose answers are constant, or nearly. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/conformance/fixtures.h"

cJSON *fixture_json(const char *text)
{
    cJSON *json = NULL;
    size_t error_at;
    enum json_error e = json_parse(text, strlen(text), &json, &error_at);

    assert(e == JSON_OK);
    return json;
}

void fixture_reply(struct mcp_request *rq, const char *result)
{
    mcp_reply_result(rq, fixture_json(result));
}

void fixture_reply_text(struct mcp_request *rq, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    mcp_reply_tool(rq, text, NULL, NULL, false);
}

/* ---- tools ---- */

DESCRIBE(test_simple_text, "Answers with a line of text", "")
static void call_test_simple_text(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    fixture_reply_text(rq, "This is a simple text response for testing.");
}

DESCRIBE(test_image_content, "Answers with an image", "")
static void call_test_image_content(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    fixture_reply(rq, "{\"content\":[" IMAGE "]}");
}

DESCRIBE(test_audio_content, "Answers with a sound", "")
static void call_test_audio_content(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    fixture_reply(
        rq, "{\"content\":[{\"type\":\"audio\",\"mimeType\":\"audio/wav\",\"data\":\"" FIXTURE_WAV
            "\"}]}");
}

DESCRIBE(test_embedded_resource, "Answers with a resource", "")
static void call_test_embedded_resource(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    fixture_reply(rq, "{\"content\":[{\"type\":\"resource\",\"resource\":{"
                      "\"uri\":\"test://embedded-resource\",\"mimeType\":\"text/plain\","
                      "\"text\":\"This is an embedded resource content.\"}}]}");
}

DESCRIBE(test_multiple_content_types, "Answers with text, an image and a resource", "")
static void call_test_multiple_content_types(struct mcp_request *rq, const cJSON *arguments,
                                             void *arg)
{
    fixture_reply(
        rq, "{\"content\":[{\"type\":\"text\",\"text\":\"Multiple content types test:\"}," IMAGE
            ",{\"type\":\"resource\",\"resource\":{"
            "\"uri\":\"test://mixed-content-resource\",\"mimeType\":\"application/json\","
            "\"text\":\"{\\\"test\\\":\\\"data\\\",\\\"value\\\":123}\"}}]}");
}

DESCRIBE(test_error_handling, "Fails", "")
static void call_test_error_handling(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    mcp_reply_tool_error(rq, "This tool intentionally returns an error for testing");
}

DESCRIBE(test_missing_capability, "Needs a client that can sample", "")
static void call_test_missing_capability(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    fixture_reply_text(rq, "The client can sample.");
}

DESCRIBE(test_custom_header, "Has an argument that clients repeat in a header",
         "\"region\":{\"type\":\"string\",\"x-mcp-header\":\"Region\"}")
static void call_test_custom_header(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    const char *region = "nowhere";

    (void)json_get_str(arguments, "region", &region);
    fixture_reply_text(rq, "Region: %s", region);
}

static char *describe_json_schema(void *arg)
{
    return xstrdup(
        "{\"name\":\"json_schema_2020_12_tool\",\"description\":\"Has a schema of many words\","
        "\"inputSchema\":{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\","
        "\"type\":\"object\",\"$defs\":{\"address\":{\"$anchor\":\"addressDef\",\"type\":"
        "\"object\","
        "\"properties\":{\"street\":{\"type\":\"string\"},\"city\":{\"type\":\"string\"}}}},"
        "\"properties\":{\"name\":{\"type\":\"string\"},"
        "\"address\":{\"$ref\":\"#/$defs/address\"},"
        "\"contactMethod\":{\"type\":\"string\",\"enum\":[\"phone\",\"email\"]},"
        "\"phone\":{\"type\":\"string\"},\"email\":{\"type\":\"string\"}},"
        "\"allOf\":[{\"anyOf\":[{\"required\":[\"phone\"]},{\"required\":[\"email\"]}]}],"
        "\"if\":{\"properties\":{\"contactMethod\":{\"const\":\"phone\"}},"
        "\"required\":[\"contactMethod\"]},\"then\":{\"required\":[\"phone\"]},"
        "\"else\":{\"required\":[\"email\"]},\"additionalProperties\":false}}");
}
static void call_json_schema(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    fixture_reply_text(rq, "Nothing was validated.");
}

static const struct mcp_tool tools[] = {
    TOOL(test_simple_text), /* the suite calls the first one without arguments */
    TOOL(test_image_content),
    TOOL(test_audio_content),
    TOOL(test_embedded_resource),
    TOOL(test_multiple_content_types),
    TOOL(test_error_handling),
    {.name = "test_missing_capability",
     .describe = describe_test_missing_capability,
     .call = call_test_missing_capability,
     .required_capability = "sampling"},
    TOOL(test_custom_header),
    {.name = "json_schema_2020_12_tool",
     .describe = describe_json_schema,
     .call = call_json_schema},
};
const struct tool_set content_tools = {tools, ARRAY_LEN(tools)};

/* ---- prompts ---- */

static cJSON *message(const char *content)
{
    cJSON *m = cJSON_CreateObject();

    cJSON_AddStringToObject(m, "role", "user");
    cJSON_AddItemToObject(m, "content", fixture_json(content));
    return m;
}

static void reply_messages(struct mcp_request *rq, cJSON *first, cJSON *second)
{
    cJSON *result = cJSON_CreateObject();
    cJSON *messages = cJSON_AddArrayToObject(result, "messages");

    cJSON_AddItemToArray(messages, first);
    if (second)
        cJSON_AddItemToArray(messages, second);
    mcp_reply_result(rq, result);
}

#define TEXT(t) "{\"type\":\"text\",\"text\":\"" t "\"}"

static void get_simple(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    reply_messages(rq, message(TEXT("This is a simple prompt for testing.")), NULL);
}

static void get_with_arguments(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    const char *arg1 = "", *arg2 = "";
    cJSON *m = message(TEXT(""));
    struct buf text = {0};

    (void)json_get_str(arguments, "arg1", &arg1);
    (void)json_get_str(arguments, "arg2", &arg2);
    buf_printf(&text, "Prompt with arguments: arg1='%s', arg2='%s'", arg1, arg2);
    cJSON *content = cJSON_GetObjectItemCaseSensitive(m, "content");
    cJSON_ReplaceItemInObjectCaseSensitive(content, "text", cJSON_CreateString(text.data));
    buf_deinit(&text);
    reply_messages(rq, m, NULL);
}

static void get_with_resource(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    const char *uri = "";
    cJSON *m = message("{\"type\":\"resource\",\"resource\":{\"mimeType\":\"text/plain\","
                       "\"text\":\"Embedded resource content for testing.\"}}");

    (void)json_get_str(arguments, "resourceUri", &uri);
    cJSON *content = cJSON_GetObjectItemCaseSensitive(m, "content");
    cJSON_AddStringToObject(cJSON_GetObjectItemCaseSensitive(content, "resource"), "uri", uri);
    reply_messages(rq, m, message(TEXT("Please process the embedded resource above.")));
}

static void get_with_image(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    reply_messages(rq, message(IMAGE), message(TEXT("Please analyze the image above.")));
}

static const struct mcp_prompt prompts[] = {
    {.name = "test_simple_prompt",
     .descriptor = "{\"name\":\"test_simple_prompt\",\"description\":\"One message\"}",
     .get = get_simple},
    {.name = "test_prompt_with_arguments",
     .descriptor =
         "{\"name\":\"test_prompt_with_arguments\",\"description\":\"Says its arguments\","
         "\"arguments\":[{\"name\":\"arg1\",\"description\":\"First\",\"required\":true},"
         "{\"name\":\"arg2\",\"description\":\"Second\",\"required\":true}]}",
     .get = get_with_arguments},
    {.name = "test_prompt_with_embedded_resource",
     .descriptor = "{\"name\":\"test_prompt_with_embedded_resource\","
                   "\"description\":\"A resource, then what to do with it\",\"arguments\":["
                   "{\"name\":\"resourceUri\",\"description\":\"Which\",\"required\":true}]}",
     .get = get_with_resource},
    {.name = "test_prompt_with_image",
     .descriptor = "{\"name\":\"test_prompt_with_image\",\"description\":\"An image, then what to "
                   "do with it\"}",
     .get = get_with_image},
};
const struct prompt_set content_prompts = {prompts, ARRAY_LEN(prompts)};
