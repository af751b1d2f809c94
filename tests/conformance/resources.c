#include <string.h>

#include "tests/conformance/fixtures.h"

#define TEMPLATE_BEGIN "test://template/"
#define TEMPLATE_END   "/data"

const char fixture_templates[] =
    "[{\"uriTemplate\":\"" TEMPLATE_BEGIN "{id}" TEMPLATE_END "\",\"name\":\"template\","
    "\"description\":\"Says the id it is read with\",\"mimeType\":\"application/json\"}]";

void fixture_list_resources(struct mcp_request *rq, const char *cursor, void *arg)
{
    if (cursor) {
        mcp_reply_error(rq, -32602, "There is one page", NULL);
        return;
    }
    fixture_reply(rq, "{\"resources\":["
                      "{\"uri\":\"test://static-text\",\"name\":\"static-text\","
                      "\"description\":\"A line of text\",\"mimeType\":\"text/plain\"},"
                      "{\"uri\":\"test://static-binary\",\"name\":\"static-binary\","
                      "\"description\":\"An image\",\"mimeType\":\"image/png\"},"
                      "{\"uri\":\"test://watched-resource\",\"name\":\"watched-resource\","
                      "\"description\":\"Can be subscribed to\",\"mimeType\":\"text/plain\"}]}");
}

static bool read_template(struct mcp_request *rq, const char *uri)
{
    size_t begin = strlen(TEMPLATE_BEGIN), end = strlen(TEMPLATE_END), len = strlen(uri);

    if (strncmp(uri, TEMPLATE_BEGIN, begin) != 0 || len <= begin + end ||
        strcmp(uri + len - end, TEMPLATE_END) != 0)
        return false;
    CLEANUP(free_p) char *id = xstrndup(uri + begin, len - begin - end);
    cJSON *data = cJSON_CreateObject();
    cJSON_AddStringToObject(data, "id", id);
    cJSON_AddBoolToObject(data, "templateTest", true);
    cJSON_AddStringToObject(data, "data", id);
    CLEANUP(free_p) char *printed = json_print(data);
    cJSON_Delete(data);

    cJSON *result = cJSON_CreateObject();
    cJSON *content = cJSON_CreateObject();
    cJSON_AddStringToObject(content, "uri", uri);
    cJSON_AddStringToObject(content, "mimeType", "application/json");
    cJSON_AddStringToObject(content, "text", printed);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(result, "contents"), content);
    mcp_reply_result(rq, result);
    return true;
}

bool fixture_read_resource(struct mcp_request *rq, const char *uri, void *arg)
{
    static const struct {
        const char *uri, *result;
    } resources[] = {
        {"test://static-text",
         "{\"contents\":[{\"uri\":\"test://static-text\",\"mimeType\":\"text/plain\","
         "\"text\":\"This is the content of the static text resource.\"}]}"},
        {"test://static-binary",
         "{\"contents\":[{\"uri\":\"test://static-binary\",\"mimeType\":\"image/png\","
         "\"blob\":\"" FIXTURE_PNG "\"}]}"},
        {"test://watched-resource",
         "{\"contents\":[{\"uri\":\"test://watched-resource\",\"mimeType\":\"text/plain\","
         "\"text\":\"Watch me.\"}]}"},
    };

    for (size_t i = 0; i < ARRAY_LEN(resources); i++) {
        if (strcmp(resources[i].uri, uri) == 0) {
            fixture_reply(rq, resources[i].result);
            return true;
        }
    }
    return read_template(rq, uri);
}

bool fixture_complete(struct mcp_request *rq, const cJSON *params, void *arg)
{
    const char *name = "";

    (void)json_get_str(json_get(params, "ref"), "name", &name);
    if (strcmp(name, "test_prompt_with_arguments") != 0)
        return false;
    fixture_reply(rq, "{\"completion\":{\"values\":[\"paris\",\"park\",\"party\"],\"total\":3,"
                      "\"hasMore\":false}}");
    return true;
}
