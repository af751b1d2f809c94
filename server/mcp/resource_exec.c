#include "server/mcp/resource_exec.h"

#include <errno.h>
#include <stdio.h>

#include "server/mcp/execution_list.h"
#include "server/mcp/jsonrpc.h"
#include "server/mcp/output_json.h"
#include "server/mcp/pack_text.h"
#include "state/base/utf8.h"

#define PAGE_ENTRIES   50
#define COMPLETION_MAX 100 /* the protocol's: completion/complete, values */
#define SCHEME         "exec://"
#define HELP_URI       SCHEME "help"
#define URI_MAX        (EXECUTION_ID_MAX + 32)

const char resource_exec_templates[] =
    "[{\"uriTemplate\":\"exec://{id}/output{?offset,length,stream}\",\"name\":\"execution-output\","
    "\"title\":\"Output of an execution\",\"description\":\"Everything it has written so far, or a "
    "range of it in bytes; stream: stdout or stderr\",\"mimeType\":\"text/plain\"},"
    "{\"uriTemplate\":\"exec://{id}/status\",\"name\":\"execution-status\","
    "\"title\":\"Status of an execution\",\"description\":\"What get_execution_status returns\","
    "\"mimeType\":\"application/json\"}]";

struct resource_request {
    struct exec_request er; /* first */
    struct resource_uri uri;
    char *uri_text; /* owned; as asked for */
    char *prefix;   /* owned; completion: what ids are to begin with */
};

static void on_free(struct exec_request *er)
{
    struct resource_request *r = (struct resource_request *)er;
    free(r->uri_text);
    free(r->prefix);
    free(r);
}

static struct resource_request *resource_request_new(struct mcp_request *rq, void *pack_arg)
{
    struct resource_request *r = xcalloc(1, sizeof(*r));
    exec_request_init(&r->er, rq, pack_arg, on_free);
    return r;
}

static void reply_error(struct exec_request *er, const struct call *c)
{
    CLEANUP(free_p) char *text = call_outcome_text(c, er->pack->config);
    mcp_reply_error(er->rq, JSONRPC_INTERNAL_ERROR, text, NULL);
}

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
    (void)snprintf(uri, sizeof(uri), "exec://%s/output", v->id);
    (void)snprintf(description, sizeof(description), "Output of an execution (%s)",
                   execution_status_name(v->status));
    add_resource(list, uri, v->id, description);
}

static void on_listed(struct exec_request *er, struct call *c)
{
    char cursor[EXECUTION_CURSOR_MAX + 1];
    if (c->outcome != CALL_OK) {
        reply_error(er, c);
    } else {
        cJSON *o = cJSON_CreateObject();
        cJSON *list = cJSON_AddArrayToObject(o, "resources");
        if (!c->list.before_id[0])
            add_resource(list, HELP_URI, "help", "How to use this server");
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

/* ---- resources/read ---- */

static cJSON *contents_of(const char *uri, const char *mime_type, cJSON **ret_result)
{
    cJSON *o = cJSON_CreateObject(), *content = cJSON_CreateObject();
    cJSON_AddItemToArray(cJSON_AddArrayToObject(o, "contents"), content);
    cJSON_AddStringToObject(content, "uri", uri);
    cJSON_AddStringToObject(content, "mimeType", mime_type);
    *ret_result = o;
    return content;
}

/* The bytes that were asked for, at most limits.max_reply of them. 0 or -errno. */
static int read_range(const struct resource_request *r, bool has_exit, struct buf *ret,
                      uint64_t *ret_size)
{
    const struct config *config = r->er.pack->config;
    const struct journal_lines_options o = {.state_dir = config->state_dir,
                                            .id = r->uri.id,
                                            .has_exit = has_exit,
                                            .line_max = JOURNAL_RECORD_MAX};
    CLEANUP(journal_lines_closep) struct journal_lines *lines = NULL;
    struct output_pos pos;
    struct excerpt_line line;
    uint64_t left =
        r->uri.length < config->max_reply_bytes ? r->uri.length : config->max_reply_bytes;
    int e = journal_lines_open(&o, &lines);
    if (e < 0)
        return e == -ENOENT ? 0 : e;
    *ret_size = journal_lines_bytes(lines);
    e = journal_lines_find(lines, r->uri.offset, &pos);
    if (e == 0)
        e = journal_lines_seek(lines, pos);
    while (e >= 0 && left > 0 && (e = journal_lines_next(lines, &line)) > 0) {
        size_t n = line.len < left ? line.len : (size_t)left;
        left -= n;
        if (!r->uri.stream || line.record.type == r->uri.stream)
            buf_append(ret, line.data, n);
    }
    if (left == 0) /* the next range begins with the whole character */
        ret->len -= utf8_incomplete_tail(ret->data, ret->len);
    return e < 0 ? e : 0;
}

static void reply_output(struct resource_request *r, const struct execution_view *v)
{
    CLEANUP(buf_deinit) struct buf bytes = {0};
    struct execution_facts f;
    uint64_t size = 0;
    cJSON *result;
    execution_facts_read(&f, r->er.pack->config->state_dir, v);
    int e = read_range(r, f.has_exit, &bytes, &size);
    if (e < 0)
        return mcp_reply_error(r->er.rq, JSONRPC_INTERNAL_ERROR,
                               "The server failed to read the output", NULL);
    if (bytes.data)
        bytes.data[bytes.len] = '\0';
    cJSON *content = contents_of(r->uri_text, "text/plain", &result);
    if (!json_add_bytes(content, "text", "blob", &bytes))
        cJSON_ReplaceItemInObjectCaseSensitive(content, "mimeType",
                                               cJSON_CreateString("application/octet-stream"));
    cJSON *meta = cJSON_AddObjectToObject(content, "_meta");
    cJSON_AddNumberToObject(meta, "offset", (double)r->uri.offset);
    cJSON_AddNumberToObject(meta, "length", (double)bytes.len);
    cJSON_AddNumberToObject(meta, "size", (double)size);
    mcp_reply_result(r->er.rq, result);
}

static void reply_status(struct resource_request *r, const struct execution_view *v)
{
    struct execution_facts f;
    cJSON *result;
    execution_facts_read(&f, r->er.pack->config->state_dir, v);
    CLEANUP(json_deletep) cJSON *status = execution_status_json(&f, true);
    CLEANUP(free_p) char *text = json_print(status);
    cJSON *content = contents_of(r->uri_text, "application/json", &result);
    cJSON_AddStringToObject(content, "text", text);
    mcp_reply_result(r->er.rq, result);
}

static void on_view(struct exec_request *er, struct call *c)
{
    struct resource_request *r = (struct resource_request *)er;
    if (c->outcome == CALL_E_NOT_FOUND)
        mcp_reply_no_resource(er->rq, r->uri_text);
    else if (c->outcome != CALL_OK)
        reply_error(er, c);
    else if (r->uri.kind == RESOURCE_OUTPUT)
        reply_output(r, &c->view);
    else
        reply_status(r, &c->view);
    call_free(c);
    exec_request_end(er);
}

static void reply_help(struct mcp_request *rq)
{
    cJSON *result;
    cJSON *content = contents_of(HELP_URI, "text/plain", &result);
    cJSON_AddStringToObject(content, "text", pack_exec_help);
    mcp_reply_result(rq, result);
}

bool resource_exec_read(struct mcp_request *rq, const char *uri, void *pack_arg)
{
    struct resource_uri parsed;
    if (strncmp(uri, SCHEME, strlen(SCHEME)) != 0)
        return false;
    if (strcmp(uri, HELP_URI) == 0) {
        reply_help(rq);
        return true;
    }
    if (!resource_uri_parse(uri, &parsed)) {
        mcp_reply_no_resource(rq, uri);
        return true;
    }
    struct resource_request *r = resource_request_new(rq, pack_arg);
    r->uri = parsed;
    r->uri_text = xstrdup(uri);
    struct call *c = exec_request_call(&r->er, CALL_WAIT);
    memcpy(c->id, parsed.id, sizeof(c->id));
    exec_request_send(&r->er, c, on_view);
    return true;
}

/* ---- completion/complete ---- */

static cJSON *completion_of(cJSON **ret_result)
{
    cJSON *o = cJSON_CreateObject();
    *ret_result = o;
    return cJSON_AddObjectToObject(o, "completion");
}

static void on_candidates(struct exec_request *er, struct call *c)
{
    const struct resource_request *r = (const struct resource_request *)er;
    cJSON *result, *completion = completion_of(&result);
    cJSON *values = cJSON_AddArrayToObject(completion, "values");
    size_t n = 0;
    for (size_t i = 0; i < c->n_views; i++) {
        if (strncmp(c->views[i].id, r->prefix, strlen(r->prefix)) != 0)
            continue;
        if (n++ < COMPLETION_MAX)
            cJSON_AddItemToArray(values, cJSON_CreateString(c->views[i].id));
    }
    cJSON_AddBoolToObject(completion, "hasMore", n > COMPLETION_MAX || c->has_more);
    mcp_reply_result(er->rq, result);
    call_free(c);
    exec_request_end(er);
}

static void reply_no_values(struct mcp_request *rq)
{
    cJSON *result, *completion = completion_of(&result);
    cJSON_AddItemToObject(completion, "values", cJSON_CreateArray());
    cJSON_AddFalseToObject(completion, "hasMore");
    mcp_reply_result(rq, result);
}

bool resource_exec_complete(struct mcp_request *rq, const cJSON *params, void *pack_arg)
{
    const cJSON *ref = json_get(params, "ref"), *argument = json_get(params, "argument");
    const char *type = arg_str(ref, "type"), *uri = arg_str(ref, "uri");
    const char *name = arg_str(argument, "name"), *value = arg_str(argument, "value");
    if (!type || strcmp(type, "ref/resource") != 0 || !uri ||
        strncmp(uri, SCHEME, strlen(SCHEME)) != 0)
        return false;
    if (!name || strcmp(name, "id") != 0) {
        reply_no_values(rq);
        return true;
    }
    struct resource_request *r = resource_request_new(rq, pack_arg);
    r->prefix = xstrdup(value ? value : "");
    struct call *c = exec_request_call(&r->er, CALL_LIST);
    c->list.limit = 2 * COMPLETION_MAX;
    exec_request_send(&r->er, c, on_candidates);
    return true;
}
