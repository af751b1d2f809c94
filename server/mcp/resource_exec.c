/* What resources there are: the list, the templates, and completion of what stands in them. */
#include "server/mcp/resource_exec.h"

#include <stdio.h>

#include "server/mcp/arguments.h"
#include "server/mcp/execution_list.h"
#include "server/mcp/jsonrpc.h"
#include "server/mcp/resource_request.h"
#include "state/base/id.h"

#define PAGE_ENTRIES   50
#define COMPLETION_MAX 100 /* the protocol's: completion/complete, values */
#define URI_MAX        (EXECUTION_ID_MAX + 32)

const char resource_exec_templates[] =
    "[{\"uriTemplate\":\"exec://{id}/output{?offset,length,stream,from_event}\",\"name\":"
    "\"execution-output\",\"title\":\"Output of an execution\",\"description\":\"Everything it has "
    "written so far, or a range of it: offset and length in bytes, or from_event, a next_event_id; "
    "stream: stdout or stderr\",\"mimeType\":\"text/plain\"},"
    "{\"uriTemplate\":\"exec://{id}/status\",\"name\":\"execution-status\","
    "\"title\":\"Status of an execution\",\"description\":\"What get_execution_status returns\","
    "\"mimeType\":\"application/json\"},"
    "{\"uriTemplate\":\"exec://{id}/files/{+path}{?offset,length}\",\"name\":\"execution-files\","
    "\"title\":\"Files of an execution\",\"description\":\"A file in the directory it began in, or "
    "a range of it in bytes; of a directory its entries\"}]";

/* ---- resources/list ---- */

static void add_resource(cJSON *list, const char *uri, const char *name, const char *description)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "uri", uri);
    cJSON_AddStringToObject(o, "name", name);
    cJSON_AddStringToObject(o, "description", description);
    cJSON_AddStringToObject(o, "mimeType", "text/plain");
    cJSON_AddItemToArray(list, o);
}

static void add_execution(cJSON *list, const struct execution_view *v)
{
    char uri[URI_MAX], description[64];
    (void)snprintf(uri, sizeof(uri), RESOURCE_SCHEME "%s/output", v->id);
    (void)snprintf(description, sizeof(description), "Output of an execution (%s)",
                   execution_status_name(v->status));
    add_resource(list, uri, v->id, description);
}

static void on_listed(struct exec_request *er, struct call *c)
{
    char cursor[EXECUTION_CURSOR_MAX + 1];
    if (c->outcome != CALL_OK) {
        resource_refuse_call((struct resource_request *)er, c);
    } else {
        cJSON *o = cJSON_CreateObject();
        cJSON *list = cJSON_AddArrayToObject(o, "resources");
        if (!c->list.before_id[0])
            add_resource(list, RESOURCE_HELP_URI, "help", "How to use this server");
        for (size_t i = 0; i < c->n_views; i++)
            add_execution(list, &c->views[i]);
        if (execution_cursor_next(c, cursor))
            cJSON_AddStringToObject(o, "nextCursor", cursor);
        mcp_reply_result(er->rq, o);
    }
    call_free(c);
    exec_request_end(er);
}

void resource_exec_list(struct mcp_request *rq, const char *cursor, void *pack_arg)
{
    struct resource_request *r = resource_request_new(rq, pack_arg);
    struct call *c = exec_request_call(&r->er, CALL_LIST);
    c->list.limit = PAGE_ENTRIES;
    if (cursor && !execution_cursor_apply(cursor, c)) {
        call_free(c);
        mcp_reply_error(rq, JSONRPC_INVALID_PARAMS, "cursor is none of ours", NULL);
        return exec_request_end(&r->er);
    }
    exec_request_send(&r->er, c, on_listed);
}

/* ---- completion/complete ---- */

static void reply_values(struct mcp_request *rq, cJSON *values, bool has_more)
{
    cJSON *o = cJSON_CreateObject(), *completion = cJSON_AddObjectToObject(o, "completion");
    cJSON_AddItemToObject(completion, "values", values);
    cJSON_AddBoolToObject(completion, "hasMore", has_more);
    mcp_reply_result(rq, o);
}

static void on_candidates(struct exec_request *er, struct call *c)
{
    const struct resource_request *r = (const struct resource_request *)er;
    cJSON *values = cJSON_CreateArray();
    size_t n = 0;
    for (size_t i = 0; i < c->n_views; i++) {
        if (strncmp(c->views[i].id, r->prefix, strlen(r->prefix)) != 0)
            continue;
        if (n++ < COMPLETION_MAX)
            cJSON_AddItemToArray(values, cJSON_CreateString(c->views[i].id));
    }
    reply_values(er->rq, values, n > COMPLETION_MAX || c->has_more);
    call_free(c);
    exec_request_end(er);
}

/* Of an unknown id, or somebody else's, there is nothing to suggest. */
static void on_view(struct exec_request *er, struct call *c)
{
    const struct execution_view v = c->view;
    bool is_ok = c->outcome == CALL_OK;
    call_free(c);
    if (is_ok)
        return resource_file_complete((struct resource_request *)er, &v);
    reply_values(er->rq, cJSON_CreateArray(), false);
    exec_request_end(er);
}

static void complete_id(struct resource_request *r)
{
    struct call *c = exec_request_call(&r->er, CALL_LIST);
    c->list.limit = 2 * COMPLETION_MAX;
    exec_request_send(&r->er, c, on_candidates);
}

static void complete_path(struct resource_request *r, const char *id)
{
    struct call *c = exec_request_call(&r->er, CALL_WAIT);
    memcpy(c->id, id, strlen(id) + 1);
    memcpy(r->uri.id, id, strlen(id) + 1);
    exec_request_send(&r->er, c, on_view);
}

bool resource_exec_complete(struct mcp_request *rq, const cJSON *params, void *pack_arg)
{
    const cJSON *ref = json_get(params, "ref"), *argument = json_get(params, "argument");
    const cJSON *known = json_get(json_get(params, "context"), "arguments");
    const char *type = arg_str(ref, "type"), *uri = arg_str(ref, "uri"), *id = arg_str(known, "id");
    const char *name = arg_str(argument, "name"), *value = arg_str(argument, "value");
    if (!type || strcmp(type, "ref/resource") != 0 || !uri ||
        strncmp(uri, RESOURCE_SCHEME, strlen(RESOURCE_SCHEME)) != 0)
        return false;
    bool is_id = name && strcmp(name, "id") == 0, is_path = name && strcmp(name, "path") == 0;
    if (!is_id && !(is_path && id && id_is_valid(id))) {
        reply_values(rq, cJSON_CreateArray(), false);
        return true;
    }
    struct resource_request *r = resource_request_new(rq, pack_arg);
    r->prefix = xstrdup(value ? value : "");
    if (is_id)
        complete_id(r);
    else
        complete_path(r, id);
    return true;
}
