#include "server/mcp/task.h"

#include "server/mcp/follow.h"
#include "server/mcp/hub.h"
#include "server/mcp/methods.h"
#include "server/mcp/registry.h"
#include "server/mcp/task_words.h"
#include "state/base/clock.h"

#define RELATED_TASK "io.modelcontextprotocol/related-task"

/* ---- what revisions call it ---- */

static const char *status_name(enum mcp_task_status s)
{
    switch (s) {
    case MCP_TASK_WORKING:
        return "working";
    case MCP_TASK_INPUT_REQUIRED:
        return "input_required";
    case MCP_TASK_COMPLETED:
        return "completed";
    case MCP_TASK_FAILED:
        return "failed";
    case MCP_TASK_CANCELLED:
        return "cancelled";
    }
    abort();
}

static void add_time(cJSON *o, const char *name, uint64_t us)
{
    char text[CLOCK_TEXT_MAX];

    cJSON_AddStringToObject(o, name, clock_format(us, text) ? text : "1970-01-01T00:00:00.000Z");
}

static void add_ttl(cJSON *o, const char *name, uint64_t ttl_ms)
{
    if (ttl_ms == MCP_TASK_UNLIMITED)
        cJSON_AddNullToObject(o, name);
    else
        cJSON_AddNumberToObject(o, name, (double)ttl_ms);
}

static void add_head(cJSON *o, const struct mcp_task *t, const char *status)
{
    cJSON_AddStringToObject(o, "taskId", t->id);
    cJSON_AddStringToObject(o, "status", status);
    if (t->message)
        cJSON_AddStringToObject(o, "statusMessage", t->message);
    add_time(o, "createdAt", t->created_us);
    add_time(o, "lastUpdatedAt", t->updated_us);
}

/* A Task of the extension. */
static void add_task(cJSON *o, const struct mcp_task *t)
{
    add_head(o, t, status_name(t->status));
    add_ttl(o, "ttlMs", t->ttl_ms);
    cJSON_AddNumberToObject(o, "pollIntervalMs", (double)t->poll_ms);
}

static cJSON *error_of(const struct mcp_task *t)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddNumberToObject(o, "code", t->error_code);
    cJSON_AddStringToObject(o, "message", t->message ? t->message : "The task failed");
    return o;
}

void task_add_detailed(cJSON *o, struct mcp_task *t)
{
    add_task(o, t);
    switch (t->status) {
    case MCP_TASK_INPUT_REQUIRED:
        cJSON_AddItemToObject(o, "inputRequests", TAKE_PTR(t->input_requests));
        break;
    case MCP_TASK_COMPLETED:
        /* Official clients refuse a result without its type, inlined or not. */
        if (!json_get(t->result, "resultType"))
            cJSON_AddStringToObject(t->result, "resultType", "complete");
        cJSON_AddItemToObject(o, "result", TAKE_PTR(t->result));
        break;
    case MCP_TASK_FAILED:
        cJSON_AddItemToObject(o, "error", error_of(t));
        break;
    case MCP_TASK_WORKING:
    case MCP_TASK_CANCELLED:
        break;
    }
}

/* Of 2025-11-25: tool errors are failures; nobody is asked for input. */
static const char *experimental_status(const struct mcp_task *t)
{
    bool is_error = false;

    if (t->status == MCP_TASK_INPUT_REQUIRED)
        return status_name(MCP_TASK_WORKING);
    (void)json_get_bool(t->result, "isError", &is_error);
    return status_name(is_error ? MCP_TASK_FAILED : t->status);
}

void task_add_experimental(cJSON *o, const struct mcp_task *t)
{
    add_head(o, t, experimental_status(t));
    add_ttl(o, "ttl", t->ttl_ms);
    cJSON_AddNumberToObject(o, "pollInterval", (double)t->poll_ms);
}

/* ---- how each request is told ---- */

void task_tell_created(struct mcp_request *rq, struct mcp_task *t)
{
    cJSON *o = cJSON_CreateObject();

    if (rq->rev->is_modern) {
        cJSON_AddStringToObject(o, "resultType", "task");
        add_task(o, t);
    } else {
        task_add_experimental(cJSON_AddObjectToObject(o, "task"), t);
    }
    if (rq->session)
        hub_follow_task(rq->core->hub, rq->session, t->id);
    mcp_reply_result(rq, o);
}

void task_tell(struct mcp_request *rq, struct mcp_task *t)
{
    cJSON *o = cJSON_CreateObject();

    if (rq->rev->is_modern)
        task_add_detailed(o, t);
    else
        task_add_experimental(o, t);
    mcp_reply_result(rq, o);
}

void task_tell_done(struct mcp_request *rq, struct mcp_task *t)
{
    mcp_reply_result(rq, cJSON_CreateObject());
}

/* It counts as cancelled at once, although what it runs may take a moment to end. */
void task_tell_cancelled(struct mcp_request *rq, struct mcp_task *t)
{
    if (t->had_ended) {
        request_refuse_params(rq, "The task has ended: it is %s", experimental_status(t));
        return;
    }
    t->status = MCP_TASK_CANCELLED;
    task_tell(rq, t);
}

void task_tell_result(struct mcp_request *rq, struct mcp_task *t)
{
    if (t->status == MCP_TASK_FAILED) {
        mcp_reply_error(rq, t->error_code, t->message ? t->message : "The task failed", NULL);
        return;
    }
    if (t->status != MCP_TASK_COMPLETED) {
        mcp_reply_error(rq, JSONRPC_INTERNAL_ERROR, t->message ? t->message : "There is no result",
                        NULL);
        return;
    }
    cJSON *meta = cJSON_GetObjectItemCaseSensitive(t->result, "_meta");
    if (!meta)
        meta = cJSON_AddObjectToObject(t->result, "_meta");
    cJSON_AddStringToObject(cJSON_AddObjectToObject(meta, RELATED_TASK), "taskId", t->id);
    mcp_reply_result(rq, TAKE_PTR(t->result));
}

/* ---- what packs say ---- */

bool mcp_request_takes_task(const struct mcp_request *rq)
{
    return rq->tell_task;
}

void mcp_reply_task(struct mcp_request *rq, struct mcp_task *t)
{
    if (rq->state == REQUEST_OPEN)
        rq->tell_task(rq, t);
    cJSON_Delete(TAKE_PTR(t->input_requests));
    cJSON_Delete(TAKE_PTR(t->result));
}

void mcp_reply_no_task(struct mcp_request *rq)
{
    request_refuse_params(rq, "Task not found");
}

void mcp_reply_tasks(struct mcp_request *rq, struct mcp_task *tasks, size_t n,
                     const char *next_cursor)
{
    cJSON *o = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(o, "tasks");

    for (size_t i = 0; i < n; i++) {
        cJSON *item = cJSON_CreateObject();
        task_add_experimental(item, &tasks[i]);
        cJSON_AddItemToArray(list, item);
    }
    if (next_cursor)
        cJSON_AddStringToObject(o, "nextCursor", next_cursor);
    mcp_reply_result(rq, o);
}

void mcp_task_changed(struct mcp *m, const char *principal, const char *id)
{
    hub_task_changed(m->hub, principal, id);
}
