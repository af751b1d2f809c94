/* The methods that run a pack's code: tools/call, prompts/get, resources/read and
 * completion/complete. What the protocol says of their params is checked here, once. */
#include <string.h>

#include "server/mcp/header_codec.h"
#include "server/mcp/methods.h"
#include "server/mcp/registry.h"
#include "server/mcp/task_words.h"

/* params.arguments, or an empty object when there are none. NULL: answered with an error. */
static const cJSON *need_arguments(struct mcp_request *rq)
{
    const cJSON *arguments = json_get(rq->message.params, "arguments");

    if (!arguments)
        return rq->empty_arguments = cJSON_CreateObject();
    if (cJSON_IsObject(arguments))
        return arguments;
    request_refuse_params(rq, "params.arguments: an object is needed");
    return NULL;
}

/* NULL: answered with an error. */
static const char *need_string(struct mcp_request *rq, const char *key)
{
    const char *value = NULL;

    if (!json_get_str(rq->message.params, key, &value))
        request_refuse_params(rq, "params.%s: a string is needed", key);
    return value;
}

/* Compares an annotated argument with its header (2026-07-28, Mcp-Param-*). NULL: they agree. */
static const char *find_disagreement(const struct mcp_request *rq, const cJSON *argument,
                                     const struct registry_param *param)
{
    size_t count;
    const char *value = exchange_header(rq->outlet->x, param->header, &count);
    bool is_given = argument && !cJSON_IsNull(argument);

    if (count > 1)
        return "is there twice";
    if (!value)
        return is_given ? "is missing" : NULL;
    if (!is_given)
        return "is there without the argument";
    return header_is_json(value, argument) ? NULL : "does not match the argument";
}

static bool params_agree(struct mcp_request *rq, const cJSON *arguments)
{
    size_t n = exchange_has_headers(rq->outlet->x) ? rq->tool->n_params : 0;
    for (size_t i = 0; i < n; i++) {
        const struct registry_param *param = &rq->tool->params[i];
        const char *problem = find_disagreement(rq, json_get(arguments, param->argument), param);
        if (!problem)
            continue;
        struct buf message = {0};
        buf_printf(&message, "%s %s (params.arguments.%s)", param->header, problem,
                   param->argument);
        request_fail(rq, 400, JSONRPC_HEADER_MISMATCH, message.data, NULL);
        buf_deinit(&message);
        return false;
    }
    return true;
}

/* Clients of 2026-07-28 leave the choice to us, those of 2025-11-25 make it. False: answered. */
static bool read_task(struct mcp_request *rq, const struct mcp_tool *tool)
{
    const struct mcp_identity *who = registry_identity(rq->core->registry);
    bool is_declared = rq->rev->is_modern ? request_declares_tasks(rq)
                                          : json_get(rq->message.params, "task") != NULL;

    if (is_declared && !rq->rev->is_modern && revision_has_tasks(rq->rev, who) &&
        tool->task == MCP_TASK_NEVER) {
        request_fail(rq, 200, JSONRPC_METHOD_NOT_FOUND, "The tool does not run as a task", NULL);
        return false;
    }
    if (is_declared && revision_has_tasks(rq->rev, who) && tool->task != MCP_TASK_NEVER)
        rq->tell_task = task_tell_created;
    if (rq->tell_task || tool->task != MCP_TASK_MUST)
        return true;
    if (rq->rev->is_modern)
        request_fail_no_tasks(rq);
    else
        mcp_reply_tool_error(rq,
                             "This tool runs as a task only, which the client does not ask for");
    return false;
}

void method_call_tool(struct mcp_request *rq)
{
    const char *name = need_string(rq, "name");
    const cJSON *arguments;

    if (!name)
        return;
    const struct registry_tool *t = registry_tool(rq->core->registry, name);
    if (!t) {
        request_refuse_params(rq, "Unknown tool: %.64s", name);
        return;
    }
    rq->tool = t;
    if (!(arguments = need_arguments(rq)))
        return;
    if (rq->rev->is_modern) {
        const char *capability = t->tool->required_capability;
        if (capability && !mcp_request_client_has(rq, capability)) {
            request_fail_capability(rq, capability);
            return;
        }
        if (!params_agree(rq, arguments))
            return;
    }
    if (!read_task(rq, t->tool))
        return;
    t->tool->call(rq, arguments, t->pack_arg);
}

/* The name of the first required argument that is missing, or of one that is no string; NULL: all
 * is well. */
static const char *find_bad_argument(const cJSON *descriptor, const cJSON *arguments)
{
    const cJSON *it;
    const char *name = "";

    cJSON_ArrayForEach(it, arguments)
    {
        if (!cJSON_IsString(it))
            return it->string;
    }
    cJSON_ArrayForEach(it, json_get(descriptor, "arguments"))
    {
        bool is_required = false;
        (void)json_get_bool(it, "required", &is_required);
        if (is_required && json_get_str(it, "name", &name) && !json_get(arguments, name))
            return name;
    }
    return NULL;
}

void method_get_prompt(struct mcp_request *rq)
{
    const char *name = need_string(rq, "name");
    const cJSON *arguments;

    if (!name)
        return;
    const struct registry_prompt *p = registry_prompt(rq->core->registry, name);
    if (!p) {
        request_refuse_params(rq, "Unknown prompt: %.64s", name);
        return;
    }
    if (!(arguments = need_arguments(rq)))
        return;
    const char *bad = find_bad_argument(p->descriptor, arguments);
    if (bad)
        request_refuse_params(rq, "params.arguments.%.64s: a string is needed", bad);
    else
        p->prompt->get(rq, arguments, p->pack_arg);
}

void method_read_resource(struct mcp_request *rq)
{
    const char *uri = need_string(rq, "uri");
    const struct mcp_pack *pack;

    if (!uri)
        return;
    for (size_t i = 0; (pack = registry_pack(rq->core->registry, i)); i++) {
        if (pack->read_resource && pack->read_resource(rq, uri, pack->arg))
            return;
    }
    mcp_reply_no_resource(rq, uri);
}

static bool is_completion(const cJSON *params)
{
    const cJSON *ref = json_get(params, "ref");
    const cJSON *argument = json_get(params, "argument");
    const char *type, *what;

    if (!json_get_str(ref, "type", &type) || !json_get_str(argument, "name", &what) ||
        !json_get_str(argument, "value", &what))
        return false;
    if (strcmp(type, "ref/prompt") == 0)
        return json_get_str(ref, "name", &what);
    return strcmp(type, "ref/resource") == 0 && json_get_str(ref, "uri", &what);
}

void method_complete(struct mcp_request *rq)
{
    const struct mcp_pack *pack;

    if (!is_completion(rq->message.params)) {
        request_refuse_params(rq,
                              "params: ref (ref/prompt with name, or ref/resource with uri) and "
                              "argument (name, value) are needed");
        return;
    }
    for (size_t i = 0; (pack = registry_pack(rq->core->registry, i)); i++) {
        if (pack->complete && pack->complete(rq, rq->message.params, pack->arg))
            return;
    }
    /* Of what nobody knows there is nothing to suggest: clients ask before they know. */
    cJSON *result = cJSON_CreateObject();
    cJSON_AddArrayToObject(cJSON_AddObjectToObject(result, "completion"), "values");
    mcp_reply_result(rq, result);
}
