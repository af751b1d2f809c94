#include "tests/unit/mcp_test_pack.h"

#include <string.h>

static char *describe_echo(void *arg)
{
    return xstrdup(
        "{\"name\":\"echo\",\"title\":\"Echo\",\"description\":\"Says it again\",\"icons\":[],"
        "\"inputSchema\":{\"type\":\"object\",\"properties\":{"
        "\"text\":{\"type\":\"string\",\"x-mcp-header\":\"Text\"},"
        "\"count\":{\"type\":\"integer\",\"x-mcp-header\":\"Count\"},"
        "\"loud\":{\"type\":\"boolean\",\"x-mcp-header\":\"Loud\"}}},"
        "\"outputSchema\":{\"type\":\"object\"},\"annotations\":{\"readOnlyHint\":true}}");
}

static void call_echo(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    const char *text = "nothing";
    cJSON *structured = cJSON_CreateObject();
    cJSON *links = cJSON_CreateArray();
    cJSON *link = cJSON_CreateObject();

    (void)json_get_str(arguments, "text", &text);
    cJSON_AddStringToObject(structured, "text", text);
    cJSON_AddStringToObject(link, "type", "resource_link");
    cJSON_AddStringToObject(link, "uri", "mem://a");
    cJSON_AddItemToArray(links, link);
    if (strcmp(text, "fail") == 0) {
        cJSON_Delete(structured);
        cJSON_Delete(links);
        mcp_reply_tool_error(rq, "it %s", "failed");
    } else {
        mcp_reply_tool(rq, NULL, structured, links, false);
    }
}

static char *describe_plain(void *arg)
{
    return xstrdup(
        "{\"name\":\"plain\",\"description\":\"d\",\"inputSchema\":{\"type\":\"object\"}}");
}

static void on_cancel(void *arg)
{
    struct test_pack *p = arg;
    p->n_cancelled++;
}

static void call_park(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    struct test_pack *p = arg;

    p->n_calls++;
    if (p->parked)
        test_pack_release(p);
    p->parked = mcp_request_ref(rq);
    if (!p->is_deaf)
        mcp_request_on_cancel(rq, on_cancel, p);
}

static void call_progress(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    const cJSON *step;

    cJSON_ArrayForEach(step, json_get(arguments, "steps"))
        mcp_progress(rq, step->valuedouble, 100, "working");
    mcp_log(rq, "debug", "t", cJSON_CreateString("fine"));
    mcp_log(rq, "warning", "t", cJSON_CreateString("coarse"));
    mcp_reply_tool(rq, "done", NULL, NULL, false);
}

static void on_answer(struct mcp_request *rq, const cJSON *result, void *arg)
{
    struct test_pack *p = arg;
    const char *text = "no answer";

    p->n_answers++;
    (void)json_get_str(result, "text", &text);
    mcp_reply_tool(rq, text, NULL, NULL, false);
}

static void call_ask(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    const char *method = "sampling/createMessage";

    (void)json_get_str(arguments, "method", &method);
    if (!mcp_ask(rq, method, cJSON_CreateObject(), on_answer, arg))
        mcp_reply_tool_error(rq, "can't ask");
}

static void call_input(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    const cJSON *answer = mcp_input_response(rq, "name");
    CLEANUP(free_p) char *state = mcp_state_verify(rq);

    if (mcp_request_state(rq) && !state) {
        mcp_reply_error(rq, -32602, "requestState is not ours", NULL);
    } else if (answer && state) {
        mcp_reply_tool(rq, state, NULL, NULL, false);
    } else {
        CLEANUP(free_p) char *token = mcp_state_sign(rq, "step 1");
        cJSON *requests = cJSON_CreateObject();
        cJSON *ask = cJSON_AddObjectToObject(requests, "name");
        cJSON_AddStringToObject(ask, "method", "elicitation/create");
        ask = cJSON_AddObjectToObject(requests, "poem");
        cJSON_AddStringToObject(ask, "method", "sampling/createMessage");
        mcp_reply_input_required(rq, requests, token);
    }
}

/* Says what a handler can know of who asks. */
static void call_who(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    struct buf text = {0};
    const char *session = mcp_request_session(rq), *client = mcp_request_client(rq);

    buf_printf(&text, "%s by %s,%s%s%s%s%s%s", mcp_request_principal(rq), client ? client : "?",
               session ? " session" : "", mcp_request_is_modern(rq) ? " modern" : "",
               mcp_request_has_structured(rq) ? " structured" : "",
               mcp_request_has_resource_link(rq) ? " links" : "",
               mcp_request_wants_progress(rq) ? " progress" : "",
               mcp_request_client_has(rq, "roots") ? " roots" : "");
    assert(mcp_request_is_live(rq) && mcp_request_core(rq));
    assert(json_get(mcp_request_params(rq), "name"));
    mcp_reply_tool(rq, text.data, NULL, NULL, false);
    buf_deinit(&text);
}

static void get_greeting(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    cJSON *result = cJSON_CreateObject();

    cJSON_AddArrayToObject(result, "messages");
    mcp_reply_result(rq, result);
}

static void list_resources(struct mcp_request *rq, const char *cursor, void *arg)
{
    cJSON *result = cJSON_CreateObject();
    cJSON *resources = cJSON_AddArrayToObject(result, "resources");
    cJSON *resource = cJSON_CreateObject();

    if (cursor && strcmp(cursor, "more") != 0) {
        cJSON_Delete(result);
        cJSON_Delete(resource);
        mcp_reply_error(rq, -32602, "bad cursor", NULL);
        return;
    }
    cJSON_AddStringToObject(resource, "uri", cursor ? "mem://b" : "mem://a");
    cJSON_AddStringToObject(resource, "name", cursor ? "b" : "a");
    cJSON_AddStringToObject(resource, "title", "A resource");
    cJSON_AddItemToArray(resources, resource);
    if (!cursor)
        cJSON_AddStringToObject(result, "nextCursor", "more");
    mcp_reply_result(rq, result);
}

static bool read_resource(struct mcp_request *rq, const char *uri, void *arg)
{
    if (strncmp(uri, "mem://", 6) != 0)
        return false;
    if (strcmp(uri, "mem://gone") == 0) {
        mcp_reply_no_resource(rq, uri);
        return true;
    }
    cJSON *result = cJSON_CreateObject();
    cJSON *contents = cJSON_AddArrayToObject(result, "contents");
    cJSON *content = cJSON_CreateObject();
    cJSON_AddStringToObject(content, "uri", uri);
    cJSON_AddStringToObject(content, "text", "here");
    cJSON_AddItemToArray(contents, content);
    mcp_reply_result(rq, result);
    return true;
}

static bool complete(struct mcp_request *rq, const cJSON *params, void *arg)
{
    const char *name = "";

    (void)json_get_str(json_get(params, "ref"), "name", &name);
    if (strcmp(name, "greeting") != 0)
        return false;
    cJSON *result = cJSON_CreateObject();
    cJSON *values = cJSON_AddArrayToObject(cJSON_AddObjectToObject(result, "completion"), "values");
    cJSON_AddItemToArray(values, cJSON_CreateString("Ada"));
    mcp_reply_result(rq, result);
    return true;
}

static char *describe_named(void *arg, const char *name)
{
    cJSON *tool = cJSON_CreateObject();

    cJSON_AddStringToObject(tool, "name", name);
    cJSON_AddStringToObject(cJSON_AddObjectToObject(tool, "inputSchema"), "type", "object");
    char *text = json_print(tool);
    cJSON_Delete(tool);
    return text;
}

#define DESCRIBE(name)                      \
    static char *describe_##name(void *arg) \
    {                                       \
        return describe_named(arg, #name);  \
    }
DESCRIBE(park)
DESCRIBE(progress)
DESCRIBE(ask)
DESCRIBE(input)
DESCRIBE(sampler)
DESCRIBE(who)

static const struct mcp_tool tools[] = {
    {.name = "echo", .describe = describe_echo, .call = call_echo},
    {.name = "plain", .describe = describe_plain, .call = call_echo},
    {.name = "park", .describe = describe_park, .call = call_park},
    {.name = "progress", .describe = describe_progress, .call = call_progress},
    {.name = "ask", .describe = describe_ask, .call = call_ask},
    {.name = "input", .describe = describe_input, .call = call_input},
    {.name = "who", .describe = describe_who, .call = call_who},
    {.name = "sampler",
     .describe = describe_sampler,
     .call = call_echo,
     .required_capability = "sampling"},
};

static const struct mcp_prompt prompts[] = {
    {.name = "greeting",
     .descriptor = "{\"name\":\"greeting\",\"title\":\"Greeting\",\"description\":\"d\","
                   "\"arguments\":[{\"name\":\"who\",\"title\":\"Who\",\"required\":true},"
                   "{\"name\":\"how\"}]}",
     .get = get_greeting},
};

void test_pack_init(struct test_pack *p)
{
    *p = (struct test_pack){0};
    p->pack = (struct mcp_pack){
        .name = "test",
        .instructions = "Test me.",
        .tools = tools,
        .n_tools = ARRAY_LEN(tools),
        .prompts = prompts,
        .n_prompts = ARRAY_LEN(prompts),
        .resource_templates =
            "[{\"uriTemplate\":\"mem://{x}\",\"name\":\"mem\",\"title\":\"Memory\"}]",
        .list_resources = list_resources,
        .read_resource = read_resource,
        .complete = complete,
        .tools_list_changed = true,
        .prompts_list_changed = true,
        .arg = p,
    };
}

static void list_second(struct mcp_request *rq, const char *cursor, void *arg)
{
    cJSON *result = cJSON_CreateObject();
    cJSON *resource = cJSON_CreateObject();

    cJSON_AddStringToObject(resource, "uri", "two://c");
    cJSON_AddStringToObject(resource, "name", "c");
    cJSON_AddItemToArray(cJSON_AddArrayToObject(result, "resources"), resource);
    mcp_reply_result(rq, result);
}

const struct mcp_pack second_pack = {
    .name = "second",
    .instructions = "And me.",
    .list_resources = list_second,
};

void test_pack_answer(struct test_pack *p, const char *text)
{
    struct mcp_request *rq = TAKE_PTR(p->parked);

    mcp_reply_tool(rq, text, NULL, NULL, false);
    mcp_request_unref(rq);
}

void test_pack_release(struct test_pack *p)
{
    mcp_request_unref(TAKE_PTR(p->parked));
}
