/* resources/read: output and status of an execution, and the help. */
#include <errno.h>
#include <inttypes.h>

#include "server/mcp/jsonrpc.h"
#include "server/mcp/output_json.h"
#include "server/mcp/pack_text.h"
#include "server/mcp/resource_exec.h"
#include "server/mcp/resource_request.h"
#include "state/base/utf8.h"

static void on_free(struct exec_request *er)
{
    struct resource_request *r = (struct resource_request *)er;
    file_reader_free(r->reader);
    file_walk_free(r->walk);
    file_list_deinit(&r->list);
    file_root_close(&r->root);
    free(r->uri_text);
    free(r->prefix);
    free(r);
}

struct resource_request *resource_request_new(struct mcp_request *rq, void *pack_arg)
{
    struct resource_request *r = xcalloc(1, sizeof(*r));
    r->root.fd = -1;
    exec_request_init(&r->er, rq, pack_arg, on_free);
    return r;
}

void resource_refuse_call(struct resource_request *r, const struct call *c)
{
    CLEANUP(free_p) char *text = call_outcome_text(c, r->er.pack->config);
    mcp_reply_error(r->er.rq, JSONRPC_INTERNAL_ERROR, text, NULL);
}

/* ---- answers ---- */

cJSON *resource_contents(const char *uri, const char *mime_type, cJSON **ret_result)
{
    cJSON *o = cJSON_CreateObject(), *content = cJSON_CreateObject();
    cJSON_AddItemToArray(cJSON_AddArrayToObject(o, "contents"), content);
    cJSON_AddStringToObject(content, "uri", uri);
    cJSON_AddStringToObject(content, "mimeType", mime_type);
    *ret_result = o;
    return content;
}

uint64_t resource_most(const struct resource_request *r)
{
    uint64_t most = r->er.pack->config->max_reply_bytes;
    return r->uri.length < most ? r->uri.length : most;
}

/* A model sees texts alone, so it is told there that this is not all. */
static void add_rest(cJSON *result, const struct resource_part *part, const char *uri)
{
    char text[96];
    cJSON *rest = cJSON_CreateObject();
    (void)snprintf(text, sizeof(text), "[%" PRIu64 " more bytes: read this uri]\n",
                   part->size - part->next);
    cJSON_AddStringToObject(rest, "uri", uri);
    cJSON_AddStringToObject(rest, "mimeType", "text/plain");
    cJSON_AddStringToObject(rest, "text", text);
    cJSON *contents = cJSON_GetObjectItemCaseSensitive(result, "contents");
    cJSON_AddItemToArray(contents, rest);
}

void resource_reply_part(struct resource_request *r, const struct resource_part *part)
{
    cJSON *result;
    cJSON *content = resource_contents(r->uri_text, part->mime_type, &result);
    CLEANUP(free_p)
    char *next = part->next == UINT64_MAX ? NULL : resource_uri_print(&r->uri, part->next);
    bool is_whole = part->offset == 0 && !next;
    if (!json_add_bytes(content, "text", "blob", part->bytes) &&
        (!is_whole || strncmp(part->mime_type, "text/", 5) == 0))
        cJSON_ReplaceItemInObjectCaseSensitive(content, "mimeType",
                                               cJSON_CreateString("application/octet-stream"));
    cJSON *meta = cJSON_AddObjectToObject(content, "_meta");
    cJSON_AddNumberToObject(meta, "offset", (double)part->offset);
    cJSON_AddNumberToObject(meta, "length", (double)part->bytes->len);
    cJSON_AddNumberToObject(meta, "size", (double)part->size);
    if (next)
        cJSON_AddStringToObject(meta, "next", next);
    if (next && r->uri.length > resource_most(r)) /* else it is as long as was asked for */
        add_rest(result, part, next);
    mcp_reply_result(r->er.rq, result);
}

/* ---- output ---- */

/* Goes to where the range begins, or to what is left behind that. 0 or -errno. */
static int seek_begin(const struct resource_request *r, struct journal_lines *lines,
                      uint64_t *ret_offset)
{
    struct output_pos pos = r->uri.from_event;
    int e = r->uri.has_from_event ? 0 : journal_lines_find(lines, r->uri.offset, &pos);
    if (e == 0)
        e = journal_lines_seek(lines, pos);
    return e == 0 ? journal_lines_offset(lines, journal_lines_pos(lines), ret_offset) : e;
}

/* The next range begins with the whole character, where its bytes are the last that were read, and
 * not all that were. */
static uint64_t cut_character(struct buf *b, size_t last_len, uint64_t n_read)
{
    size_t cut = utf8_incomplete_tail(b->data, b->len);
    if (cut > last_len || cut == n_read)
        return 0;
    b->len -= cut;
    return cut;
}

/* At most `left` bytes, of which those of the stream are kept. 0 or -errno. */
static int read_lines(const struct resource_request *r, struct journal_lines *lines,
                      struct buf *ret, struct resource_part *part)
{
    uint64_t left = resource_most(r), at = part->offset;
    struct excerpt_line line;
    size_t last_len = 0;
    int e = 0;
    while (left > 0 && (e = journal_lines_next(lines, &line)) > 0) {
        size_t n = line.len < left ? line.len : (size_t)left;
        bool is_wanted = !r->uri.stream || line.record.type == r->uri.stream;
        left -= n;
        at += n;
        if (n > 0)
            last_len = is_wanted ? n : 0;
        if (is_wanted)
            buf_append(ret, line.data, n);
    }
    if (left == 0)
        at -= cut_character(ret, last_len, at - part->offset);
    if (left == 0 && at < part->size)
        part->next = at;
    return e < 0 ? e : 0;
}

/* The bytes that were asked for, at most limits.max_reply of them. 0 or -errno. */
static int read_range(const struct resource_request *r, bool has_exit, struct buf *ret,
                      struct resource_part *part)
{
    const struct journal_lines_options o = {.state_dir = r->er.pack->config->state_dir,
                                            .id = r->uri.id,
                                            .has_exit = has_exit,
                                            .line_max = JOURNAL_RECORD_MAX};
    CLEANUP(journal_lines_closep) struct journal_lines *lines = NULL;
    int e = journal_lines_open(&o, &lines);
    if (e < 0)
        return e == -ENOENT ? 0 : e;
    part->size = journal_lines_bytes(lines);
    e = seek_begin(r, lines, &part->offset);
    return e == 0 ? read_lines(r, lines, ret, part) : e;
}

static void reply_output(struct resource_request *r, const struct execution_view *v)
{
    CLEANUP(buf_deinit) struct buf bytes = {0};
    struct resource_part part = {.bytes = &bytes, .next = UINT64_MAX, .mime_type = "text/plain"};
    struct execution_facts f;
    execution_facts_read(&f, r->er.pack->config->state_dir, v);
    int e = read_range(r, f.has_exit, &bytes, &part);
    if (e == -EINVAL)
        return mcp_reply_error(r->er.rq, JSONRPC_INVALID_PARAMS,
                               "from_event is no event of this execution: take the next_event_id "
                               "of an answer of get_execution_output, or offset",
                               NULL);
    if (e < 0)
        return mcp_reply_error(r->er.rq, JSONRPC_INTERNAL_ERROR,
                               "The server failed to read the output", NULL);
    if (bytes.data)
        bytes.data[bytes.len] = '\0';
    resource_reply_part(r, &part);
}

/* ---- status and help ---- */

static void reply_status(struct resource_request *r, const struct execution_view *v)
{
    struct execution_facts f;
    cJSON *result;
    execution_facts_read(&f, r->er.pack->config->state_dir, v);
    CLEANUP(json_deletep) cJSON *status = execution_status_json(&f, true);
    CLEANUP(free_p) char *text = json_print(status);
    cJSON *content = resource_contents(r->uri_text, "application/json", &result);
    cJSON_AddStringToObject(content, "text", text);
    mcp_reply_result(r->er.rq, result);
}

static void reply_help(struct mcp_request *rq, const struct config *c)
{
    cJSON *result;
    cJSON *content = resource_contents(RESOURCE_HELP_URI, "text/plain", &result);
    cJSON_AddStringToObject(content, "text",
                            c->files_enabled ? pack_exec_help : pack_exec_help_no_files);
    mcp_reply_result(rq, result);
}

static void on_view(struct exec_request *er, struct call *c)
{
    struct resource_request *r = (struct resource_request *)er;
    const struct execution_view v = c->view;
    bool is_ok = c->outcome == CALL_OK;
    if (c->outcome == CALL_E_NOT_FOUND)
        mcp_reply_no_resource(er->rq, r->uri_text);
    else if (!is_ok)
        resource_refuse_call(r, c);
    call_free(c);
    if (is_ok && r->uri.kind == RESOURCE_FILE)
        return resource_file_read(r, &v);
    if (is_ok && r->uri.kind == RESOURCE_OUTPUT)
        reply_output(r, &v);
    else if (is_ok)
        reply_status(r, &v);
    exec_request_end(er);
}

bool resource_exec_read(struct mcp_request *rq, const char *uri, void *pack_arg)
{
    struct resource_uri parsed;
    if (strncmp(uri, RESOURCE_SCHEME, strlen(RESOURCE_SCHEME)) != 0)
        return false;
    if (strcmp(uri, RESOURCE_HELP_URI) == 0) {
        reply_help(rq, ((const struct pack_exec *)pack_arg)->config);
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
    c->reads_output = parsed.kind == RESOURCE_OUTPUT;
    c->after_events = parsed.has_from_event ? parsed.from_event.event : 0;
    exec_request_send(&r->er, c, on_view);
    return true;
}
