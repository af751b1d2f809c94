/* tasks/…: of the extension of 2026-07-28, and of the experimental form in 2025-11-25. */
#include "server/mcp/methods.h"
#include "server/mcp/registry.h"
#include "server/mcp/task_words.h"

bool request_declares_tasks(const struct mcp_request *rq)
{
    const cJSON *meta = json_get(rq->message.params, "_meta");
    const cJSON *extensions = json_get(json_get(meta, META_CAPABILITIES), "extensions");

    return rq->rev->is_modern && cJSON_IsObject(json_get(extensions, TASKS_EXTENSION));
}

void request_fail_no_tasks(struct mcp_request *rq)
{
    cJSON *data = cJSON_CreateObject();
    cJSON *required = cJSON_AddObjectToObject(data, "requiredCapabilities");

    cJSON_AddObjectToObject(cJSON_AddObjectToObject(required, "extensions"), TASKS_EXTENSION);
    request_fail(rq, 400, JSONRPC_MISSING_CAPABILITY,
                 "The request needs the extension " TASKS_EXTENSION
                 ", which the client did not declare",
                 data);
}

/* The pack that has them, and the id asked for; NULL: answered with an error. */
static const struct mcp_pack *need_task(struct mcp_request *rq, const char **ret_id)
{
    if (rq->rev->is_modern && !request_declares_tasks(rq)) {
        request_fail_no_tasks(rq);
        return NULL;
    }
    if (!json_get_str(rq->message.params, "taskId", ret_id)) {
        request_refuse_params(rq, "params.taskId: a string is needed");
        return NULL;
    }
    return registry_task_pack(rq->core->registry);
}

void method_get_task(struct mcp_request *rq)
{
    const char *id;
    const struct mcp_pack *pack = need_task(rq, &id);

    if (!pack)
        return;
    if (!rq->tell_task)
        rq->tell_task = task_tell;
    pack->tasks->get(rq, id, pack->arg);
}

void method_update_task(struct mcp_request *rq)
{
    const char *id;
    const struct mcp_pack *pack = need_task(rq, &id);
    const cJSON *responses = json_get(rq->message.params, "inputResponses");

    if (!pack)
        return;
    if (!cJSON_IsObject(responses)) {
        request_refuse_params(rq, "params.inputResponses: an object is needed");
        return;
    }
    rq->tell_task = task_tell_done;
    pack->tasks->update(rq, id, responses, pack->arg);
}

void method_cancel_task(struct mcp_request *rq)
{
    const char *id;
    const struct mcp_pack *pack = need_task(rq, &id);

    if (!pack)
        return;
    rq->tell_task = rq->rev->is_modern ? task_tell_done : task_tell_cancelled;
    pack->tasks->cancel(rq, id, pack->arg);
}

void method_task_result(struct mcp_request *rq)
{
    const char *id;
    const struct mcp_pack *pack = need_task(rq, &id);

    if (!pack)
        return;
    rq->tell_task = task_tell_result;
    pack->tasks->wait(rq, id, pack->arg);
}

void method_list_tasks(struct mcp_request *rq)
{
    const cJSON *cursor = json_get(rq->message.params, "cursor");
    const struct mcp_pack *pack = registry_task_pack(rq->core->registry);

    if (cursor && !cJSON_IsNull(cursor) && !cJSON_IsString(cursor))
        request_refuse_params(rq, "params.cursor: not a cursor of this list");
    else
        pack->tasks->list(rq, cJSON_IsString(cursor) ? cursor->valuestring : NULL, pack->arg);
}
