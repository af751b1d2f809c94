#include "server/mcp/follow.h"

#include <string.h>

#include "server/mcp/dispatch.h"
#include "server/mcp/hub.h"
#include "server/mcp/listen.h"
#include "server/mcp/task_words.h"

struct follow {
    struct list link;       /* stream.follows */
    struct stream *stream;  /* borrowed, outlives it */
    struct mcp_request *rq; /* the look under way, borrowed until it is answered; NULL: none */
    bool is_stale;          /* it changed since the look began */
    bool is_ending;
    bool is_final; /* of a session: the look saw how the task ended, or that it is gone */
    char id[];
};

static struct follow *find(struct stream *s, const char *id)
{
    list_for_each (it, &s->follows) {
        struct follow *f = CONTAINER_OF(it, struct follow, link);
        if (strcmp(f->id, id) == 0)
            return f;
    }
    return NULL;
}

bool follow_add(struct stream *s, const char *id)
{
    size_t len = strlen(id);

    if (find(s, id) || !hub_subscribe_task(s->core->hub, s, id))
        return false;
    struct follow *f = xcalloc(1, sizeof *f + len + 1);
    f->stream = s;
    memcpy(f->id, id, len + 1);
    list_append(&s->follows, &f->link);
    return true;
}

static bool is_listening(const struct follow *f)
{
    return f->stream->kind == STREAM_LISTEN;
}

static void tell(struct mcp_request *rq, struct mcp_task *t)
{
    struct follow *f = rq->follow;
    cJSON *params = cJSON_CreateObject();

    if (is_listening(f)) {
        task_add_detailed(params, t);
        listen_tag(f->stream, params);
    } else {
        task_add_experimental(params, t);
        f->is_final = t->status != MCP_TASK_WORKING && t->status != MCP_TASK_INPUT_REQUIRED;
    }
    CLEANUP(free_p)
    char *text = jsonrpc_notification(
        is_listening(f) ? "notifications/tasks" : "notifications/tasks/status", params);
    stream_write(f->stream, "message", text);
    mcp_reply_result(rq, cJSON_CreateObject());
}

/* The request that this stream's client would send. */
static struct jsonrpc_message make_message(const struct follow *f)
{
    cJSON *tree = cJSON_CreateObject();
    cJSON *params = cJSON_AddObjectToObject(tree, "params");
    cJSON *meta = cJSON_AddObjectToObject(params, "_meta");
    cJSON *capabilities = cJSON_AddObjectToObject(meta, META_CAPABILITIES);

    cJSON_AddStringToObject(tree, "method", "tasks/get");
    cJSON_AddStringToObject(params, "taskId", f->id);
    cJSON_AddObjectToObject(cJSON_AddObjectToObject(capabilities, "extensions"), TASKS_EXTENSION);
    if (f->stream->has_elicitation)
        cJSON_AddObjectToObject(capabilities, "elicitation");
    return (struct jsonrpc_message){
        .kind = JSONRPC_REQUEST,
        .tree = tree,
        .text = "0",
        .len = 1,
        .id = {.offset = 0, .len = 1},
        .method = json_get(tree, "method")->valuestring,
        .params = params,
    };
}

static void drop(struct follow *f)
{
    hub_unsubscribe_task(f->stream->core->hub, f->stream, f->id);
    list_remove(&f->link);
    free(f);
}

static void look(struct follow *f);

static void on_answered(void *arg)
{
    struct follow *f = arg;

    f->rq = NULL;
    if (f->is_final && !f->is_ending)
        drop(f);
    else if (f->is_stale && !f->is_ending)
        look(f);
}

static void look(struct follow *f)
{
    struct jsonrpc_message message = make_message(f);
    struct outlet *outlet = outlet_new_inner(f->stream->x, on_answered, f);
    struct mcp_request *rq = request_new(&(struct request_spec){
        .core = f->stream->core,
        .rev = revision_newest(),
        .outlet = outlet,
        .message = &message,
    });

    f->is_stale = false;
    f->is_final = !is_listening(f);
    f->rq = rq;
    rq->follow = f;
    rq->tell_task = tell;
    outlet_seal(outlet);
    outlet_unref(outlet);
    dispatch(rq, method_find(f->stream->core, rq->rev, rq->message.method));
}

static void want_look(struct follow *f)
{
    if (f->rq)
        f->is_stale = true;
    else if (f->stream->x)
        look(f);
}

void follow_look(struct stream *s, const char *id)
{
    struct follow *f = find(s, id);

    if (f)
        want_look(f);
}

void follow_to_end(struct stream *s, const char *id)
{
    if (s->x && follow_add(s, id))
        follow_look(s, id);
}

void follow_look_all(struct stream *s)
{
    list_for_each (it, &s->follows)
        want_look(CONTAINER_OF(it, struct follow, link));
}

void follow_end(struct stream *s)
{
    list_for_each_safe (it, next, &s->follows) {
        struct follow *f = CONTAINER_OF(it, struct follow, link);
        f->is_ending = true;
        if (f->rq)
            request_cancel(f->rq);
        list_remove(&f->link);
        free(f);
    }
}
