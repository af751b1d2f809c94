/* exec://<id>/files/<path>: what lies in the workspace of an execution. */
#include <unistd.h>

#include "server/mcp/file_request.h"
#include "server/mcp/file_type.h"
#include "server/mcp/file_workspace.h"
#include "server/mcp/jsonrpc.h"
#include "server/mcp/output_json.h"
#include "server/mcp/resource_request.h"
#include "state/base/utf8.h"

#define ENTRIES_MAX    500 /* of a directory, in one answer */
#define COMPLETION_MAX 100

static int open_workspace(struct resource_request *r)
{
    CLEANUP(free_p) char *home = NULL;
    return file_workspace_of(r->er.pack->config, r->uri.id, &r->root, &home);
}

static void refuse(struct resource_request *r, int outcome)
{
    if (outcome == FILE_E_MISSING || outcome == FILE_E_NOT_DIRECTORY || outcome == FILE_E_GONE)
        return mcp_reply_no_resource(r->er.rq, r->uri_text);
    CLEANUP(free_p)
    char *text = file_outcome_text(outcome, r->uri.path, r->er.pack->config);
    if (outcome == FILE_E_ELSEWHERE && mcp_reply_elsewhere(r->er.rq, text))
        return;
    cJSON *data = cJSON_CreateObject();
    cJSON_AddStringToObject(data, "uri", r->uri_text);
    mcp_reply_error(r->er.rq, outcome < 0 ? JSONRPC_INTERNAL_ERROR : JSONRPC_INVALID_PARAMS, text,
                    data);
}

/* ---- a file ---- */

static void reply_file(struct resource_request *r)
{
    const struct file_part *file = file_reader_result(r->reader);
    const struct resource_part part = {
        .bytes = &file->data,
        .offset = file->data.len > 0 ? file->offset : r->uri.offset,
        .size = r->size,
        .next = file->has_more ? file->next : UINT64_MAX,
        .mime_type = r->mime_type,
    };
    resource_reply_part(r, &part);
}

static void on_turn(struct exec_request *er)
{
    struct resource_request *r = (struct resource_request *)er;
    int e = file_reader_step(r->reader);
    if (e == FILE_MORE)
        return exec_request_yield(er, on_turn);
    if (e == FILE_OK)
        reply_file(r);
    else
        refuse(r, e);
    exec_request_end(er);
}

/* fd: taken. */
static void read_file(struct resource_request *r, int fd, const struct stat *st)
{
    char begin[FILE_TYPE_BYTES];
    ssize_t n = pread(fd, begin, sizeof(begin), 0);
    size_t len = n < 0 ? 0 : (size_t)n;
    size_t cut = len == sizeof(begin) ? utf8_incomplete_tail(begin, len) : 0;
    const struct file_range range = {.unit = FILE_BYTES,
                                     .first = r->uri.offset,
                                     .count = resource_most(r),
                                     .max_bytes = r->er.pack->config->max_reply_bytes};
    r->size = (uint64_t)st->st_size;
    r->mime_type = file_type(r->uri.path, begin, len, file_is_text(begin, len - cut));
    r->reader = file_reader_new(fd, &range);
    on_turn(&r->er);
}

/* ---- a directory ---- */

static bool see(void *arg, const char *path, const struct stat *st)
{
    struct resource_request *r = arg;
    file_list_offer(&r->list, path, st);
    return true;
}

static void add_entry(cJSON *list, const struct resource_request *r, const struct file_entry *e)
{
    CLEANUP(buf_deinit) struct buf path = {0};
    cJSON *o = cJSON_CreateObject();
    buf_printf(&path, "%s%s%s", r->uri.path, *r->uri.path ? "/" : "", e->path);
    CLEANUP(free_p) char *uri = resource_uri_of_file(r->uri.id, path.data);
    output_add_text(o, "path", &path);
    cJSON_AddStringToObject(o, "type", file_kind(e->mode));
    if (S_ISREG(e->mode))
        cJSON_AddNumberToObject(o, "size", (double)e->size);
    cJSON_AddStringToObject(o, "uri", uri);
    cJSON_AddItemToArray(list, o);
}

static void reply_directory(struct resource_request *r)
{
    CLEANUP(json_deletep) cJSON *o = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(o, "files"), *result;
    file_list_sort(&r->list);
    for (size_t i = 0; i < r->list.n; i++)
        add_entry(list, r, &r->list.entries[i]);
    bool is_complete = file_walk_is_complete(r->walk) && !r->list.has_more;
    cJSON_AddBoolToObject(o, "complete", is_complete); /* list_files has pages */
    CLEANUP(free_p) char *text = json_print(o);
    cJSON *content = resource_contents(r->uri_text, "application/json", &result);
    cJSON_AddStringToObject(content, "text", text);
    mcp_reply_result(r->er.rq, result);
}

/* What follows the last slash of a path that is being typed. */
static const char *last_of(const char *prefix)
{
    return file_path_name(prefix);
}

static bool see_candidate(void *arg, const char *path, const struct stat *st)
{
    struct resource_request *r = arg;
    const char *begin = last_of(r->prefix);
    if (strncmp(path, begin, strlen(begin)) == 0 && utf8_is_valid(path, strlen(path)))
        file_list_offer(&r->list, path, st);
    return true;
}

/* Values are whole paths; directories end in a slash, so that the next question goes on there. */
static void reply_completion(struct resource_request *r)
{
    cJSON *o = cJSON_CreateObject(), *completion = cJSON_AddObjectToObject(o, "completion");
    cJSON *values = cJSON_AddArrayToObject(completion, "values");
    size_t len = (size_t)(last_of(r->prefix) - r->prefix);
    file_list_sort(&r->list);
    for (size_t i = 0; i < r->list.n; i++) {
        CLEANUP(buf_deinit) struct buf path = {0};
        const struct file_entry *e = &r->list.entries[i];
        buf_printf(&path, "%.*s%s%s", (int)len, r->prefix, e->path, S_ISDIR(e->mode) ? "/" : "");
        cJSON_AddItemToArray(values, cJSON_CreateString(path.data));
    }
    cJSON_AddBoolToObject(completion, "hasMore", r->list.has_more);
    mcp_reply_result(r->er.rq, o);
}

static void on_walk(struct exec_request *er)
{
    struct resource_request *r = (struct resource_request *)er;
    int e = file_walk_step(r->walk);
    if (e == FILE_MORE)
        return exec_request_yield(er, on_walk);
    if (r->prefix)
        reply_completion(r);
    else if (e == FILE_OK)
        reply_directory(r);
    else
        refuse(r, e);
    exec_request_end(er);
}

/* fd: taken. */
static void walk(struct resource_request *r, int fd)
{
    r->list.limit = r->prefix ? COMPLETION_MAX : ENTRIES_MAX;
    r->walk = file_walk_new(
        &(struct file_walk_options){.fd = fd,
                                    .max_entries = r->er.pack->config->max_scan_entries,
                                    .see = r->prefix ? see_candidate : see,
                                    .arg = r});
    on_walk(&r->er);
}

/* ---- what is asked ---- */

void resource_file_read(struct resource_request *r, const struct execution_view *v)
{
    struct stat st;
    int fd = -1, e = open_workspace(r);
    if (e == FILE_OK)
        e = file_open_regular(&r->root, r->uri.path, &fd, &st);
    if (e == FILE_OK)
        return read_file(r, fd, &st);
    if (e == FILE_E_IS_DIRECTORY)
        e = file_open_directory(&r->root, r->uri.path, &fd);
    if (e == FILE_OK)
        return walk(r, fd);
    refuse(r, e);
    exec_request_end(&r->er);
}

void resource_file_complete(struct resource_request *r, const struct execution_view *v)
{
    const char *why;
    CLEANUP(free_p)
    char *directory = xstrndup(r->prefix, (size_t)(last_of(r->prefix) - r->prefix));
    int fd = -1, e = FILE_E_MISSING;
    if (file_path_parse(directory, NULL, r->uri.path, &why))
        e = open_workspace(r);
    if (e == FILE_OK)
        e = file_open_directory(&r->root, r->uri.path, &fd);
    if (e == FILE_OK)
        return walk(r, fd);
    reply_completion(r); /* of nothing */
    exec_request_end(&r->er);
}
