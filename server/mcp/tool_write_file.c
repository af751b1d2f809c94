/* write_file: a file in the workspace, whole or longer than before. */
#include <openssl/evp.h>

#include <sys/statvfs.h>

#include "server/mcp/file_request.h"
#include "server/mcp/file_walk.h"
#include "server/mcp/file_write.h"
#include "server/mcp/header_codec.h"
#include "server/mcp/request_hash.h"

static const char *const encodings[] = {"utf-8", "base64", NULL};

static const struct arg argument_rows[] = {
    FILE_PATH_ARG(ARG_REQUIRED, "In the workspace; directories on the way are made."),
    FILE_EXECUTION_ARG,
    {.name = "content",
     .type = ARG_STRING,
     .flags = ARG_REQUIRED,
     .description = "All of it; with append what is added."},
    {.name = "encoding",
     .type = ARG_STRING,
     .values = encodings,
     .default_json = "\"utf-8\"",
     .description = "Of content."},
    {.name = "append",
     .type = ARG_BOOLEAN,
     .default_json = "false",
     .description = "Adds to the file instead of replacing it."},
    {.name = "executable",
     .type = ARG_BOOLEAN,
     .default_json = "false",
     .description = "Makes it a program that can be run."},
};
static const struct arg_set arguments_set = {.args = argument_rows, .n = ARRAY_LEN(argument_rows)};

static const struct arg result_rows[] = {
    {.name = "path", .type = ARG_STRING, .flags = ARG_REQUIRED},
    {.name = "size", .type = ARG_INTEGER, .flags = ARG_REQUIRED},
    {.name = "created", .type = ARG_BOOLEAN, .flags = ARG_REQUIRED},
    {.name = "sha256", .type = ARG_STRING, .flags = ARG_REQUIRED},
    FILE_NOTE_ROW,
};
static const struct arg_set result = {
    .args = result_rows, .n = ARRAY_LEN(result_rows), .is_open = true};

static const struct tool tool = {
    .name = "write_file",
    .title = "Write a file",
    .description = "Makes or replaces a file in the workspace, where commands start. It appears "
                   "whole or not at all. Send large ones in pieces, with append.",
    .arguments = &arguments_set,
    .result = &result,
    .is_destructive = true};

char *tool_write_file_describe(void *pack_arg)
{
    return tool_describe(&tool, ((const struct pack_exec *)pack_arg)->config);
}

struct write_file {
    struct file_request fr; /* first */
    char *data;             /* owned: decoded; NULL: the argument as it is */
    size_t len;
    struct file_walk *walk; /* owned; over the whole workspace */
    uint64_t used_bytes;
};

static void on_free(struct exec_request *er)
{
    struct write_file *q = (struct write_file *)er;
    free(q->data);
    file_walk_free(q->walk);
    file_request_close(&q->fr);
    free(q);
}

static const char *bytes_of(const struct write_file *q)
{
    return q->data ? q->data : arg_str(q->fr.arguments, "content");
}

static void reply(struct write_file *q, const struct file_written *written)
{
    cJSON *o = cJSON_CreateObject();
    char sum[SHA256_HEX + 1];

    sha256_hex(bytes_of(q), q->len, sum);
    cJSON_AddStringToObject(o, "path", q->fr.path);
    cJSON_AddNumberToObject(o, "size", (double)written->size);
    cJSON_AddBoolToObject(o, "created", written->is_new);
    cJSON_AddStringToObject(o, "sha256", sum);
    file_request_add_note(&q->fr, o);
    mcp_reply_tool(q->fr.er.rq, NULL, o, NULL, false);
}

/* ---- room ---- */

static bool count(void *arg, const char *path, const struct stat *st)
{
    struct write_file *q = arg;
    uint64_t most = q->fr.er.pack->config->workspace_quota_bytes;

    if (S_ISREG(st->st_mode))
        q->used_bytes += (uint64_t)st->st_blocks * 512; /* stat(2): st_blocks are of 512 bytes */
    return q->used_bytes + q->len <= most;
}

static bool has_room(const struct write_file *q)
{
    const struct config *c = q->fr.er.pack->config;
    struct statvfs fs;

    if (c->workspace_quota_bytes && q->used_bytes + q->len > c->workspace_quota_bytes)
        return false;
    return fstatvfs(q->fr.root.fd, &fs) < 0 ||
           (uint64_t)fs.f_bavail * fs.f_frsize >= c->min_free_bytes + q->len;
}

static void write_now(struct write_file *q)
{
    const struct config *c = q->fr.er.pack->config;
    const struct file_content content = {
        .path = q->fr.path,
        .data = bytes_of(q),
        .len = q->len,
        .appends = arg_bool(q->fr.arguments, "append", false),
        .is_executable = arg_bool(q->fr.arguments, "executable", false),
        .max_bytes = c->max_write_bytes,
    };
    struct file_written written;
    int r = has_room(q) ? file_write(&q->fr.root, &content, &written) : FILE_E_FULL;

    if (r != FILE_OK)
        return file_request_refuse(&q->fr, r);
    reply(q, &written);
    exec_request_end(&q->fr.er);
}

static void on_turn(struct exec_request *er)
{
    struct write_file *q = (struct write_file *)er;
    int r = file_walk_step(q->walk);

    if (r == FILE_MORE)
        return exec_request_yield(er, on_turn);
    if (r == FILE_OK)
        return write_now(q);
    file_request_refuse(&q->fr, r);
}

static void begin(struct write_file *q)
{
    const struct config *c = q->fr.er.pack->config;
    int fd = -1, r;

    if (!c->workspace_quota_bytes)
        return write_now(q);
    r = file_open_directory(&q->fr.root, "", &fd);
    if (r != FILE_OK)
        return file_request_refuse(&q->fr, r);
    q->walk = file_walk_new(&(struct file_walk_options){.fd = fd,
                                                        .is_recursive = true,
                                                        .max_entries = c->max_scan_entries,
                                                        .see = count,
                                                        .arg = q});
    on_turn(&q->fr.er);
}

/* ---- the call ---- */

/* False: content is no base64. */
static bool decode(struct write_file *q)
{
    const char *content = arg_str(q->fr.arguments, "content");
    const char *encoding = arg_str(q->fr.arguments, "encoding");

    q->len = strlen(content);
    if (!encoding || strcmp(encoding, "base64") != 0)
        return true;
    q->data = xcalloc(1, q->len + 1);
    return base64_decode(content, q->len, (unsigned char *)q->data, &q->len);
}

static void on_open(struct file_request *fr)
{
    struct write_file *q = (struct write_file *)fr;

    if (!*fr->path)
        return file_request_refuse(fr, FILE_E_IS_DIRECTORY);
    if (decode(q))
        return begin(q);
    mcp_reply_tool_error(fr->er.rq, "content is no base64 (RFC 4648 section 4, with padding): send "
                                    "text with encoding \"utf-8\"");
    exec_request_end(&fr->er);
}

void tool_write_file_call(struct mcp_request *rq, const cJSON *arguments, void *pack_arg)
{
    const struct pack_exec *p = pack_arg;

    if (!tool_check(&tool, p, rq, arguments))
        return;
    struct write_file *q = xcalloc(1, sizeof(*q));
    exec_request_init(&q->fr.er, rq, p, on_free);
    file_request_begin(&q->fr, arguments, on_open);
}
