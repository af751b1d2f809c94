#include "server/mcp/dispatch.h"

#include <string.h>

#include "server/mcp/methods.h"
#include "server/mcp/registry.h"

#define BOTH (METHOD_LEGACY | METHOD_MODERN)

static const struct mcp_method methods[] = {
    {.name = "tools/call",
     .eras = BOTH,
     .handle = method_call_tool,
     .routed_by = "name",
     .may_ask = true},
    {.name = "tools/list", .eras = BOTH, .handle = method_list_tools},
    {.name = "server/discover", .eras = METHOD_MODERN, .handle = method_discover},
    {.name = "ping", .eras = METHOD_LEGACY, .handle = method_ping},
    {.name = "initialize", .eras = METHOD_LEGACY, .handle = method_initialize},
    {.name = "resources/read",
     .eras = BOTH,
     .handle = method_read_resource,
     .routed_by = "uri",
     .cache = MCP_CACHE_PRIVATE,
     .may_ask = true},
    {.name = "resources/list",
     .eras = BOTH,
     .handle = method_list_resources,
     .cache = MCP_CACHE_PRIVATE,
     .adapt = adapt_list_resources},
    {.name = "resources/templates/list", .eras = BOTH, .handle = method_list_templates},
    {.name = "prompts/list", .eras = BOTH, .handle = method_list_prompts},
    {.name = "prompts/get",
     .eras = BOTH,
     .handle = method_get_prompt,
     .routed_by = "name",
     .may_ask = true},
    {.name = "completion/complete", .eras = BOTH, .handle = method_complete},
    {.name = "subscriptions/listen", .eras = METHOD_MODERN, .handle = method_listen},
    {.name = "tasks/get",
     .eras = BOTH,
     .handle = method_get_task,
     .routed_by = "taskId",
     .has_tasks = true},
    {.name = "tasks/update",
     .eras = METHOD_MODERN,
     .handle = method_update_task,
     .routed_by = "taskId",
     .has_tasks = true},
    {.name = "tasks/cancel",
     .eras = BOTH,
     .handle = method_cancel_task,
     .routed_by = "taskId",
     .has_tasks = true},
    {.name = "tasks/result",
     .eras = METHOD_LEGACY,
     .handle = method_task_result,
     .has_tasks = true},
    {.name = "tasks/list", .eras = METHOD_LEGACY, .handle = method_list_tasks, .has_tasks = true},
    {.name = "resources/subscribe", .eras = METHOD_LEGACY, .handle = method_subscribe},
    {.name = "resources/unsubscribe", .eras = METHOD_LEGACY, .handle = method_unsubscribe},
    {.name = "logging/setLevel", .eras = METHOD_LEGACY, .handle = method_set_level},
};

const struct mcp_method *method_find(const struct mcp *m, const struct mcp_revision *rev,
                                     const char *name)
{
    unsigned era = rev->is_modern ? METHOD_MODERN : METHOD_LEGACY;

    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        const struct mcp_method *method = &methods[i];
        if (!(method->eras & era) || strcmp(method->name, name) != 0)
            continue;
        if (method->has_tasks && !revision_has_tasks(rev, registry_identity(m->registry)))
            return NULL;
        return method;
    }
    return NULL;
}

void dispatch(struct mcp_request *rq, const struct mcp_method *method)
{
    rq->method = method;
    mcp_request_ref(rq);
    method->handle(rq);
    if (rq->state == REQUEST_OPEN)
        request_park(rq);
    mcp_request_unref(rq);
}
