/* list_files: what is in a directory of the workspace, page by page. */
#include "server/mcp/file_list.h"
#include "server/mcp/file_request.h"
#include "server/mcp/file_walk.h"

#define LIMIT_DEFAULT 200
#define LIMIT_MAX     1000

static const struct arg argument_rows[] = {
    FILE_PATH_ARG(0, "A directory in the workspace. Default: the workspace."),
    FILE_EXECUTION_ARG,
    {.name = "recursive",
     .type = ARG_BOOLEAN,
     .default_json = "false",
     .description = "Also what is below."},
    {.name = "limit",
     .type = ARG_INTEGER,
     .min = 1,
     .max = LIMIT_MAX,
     .default_json = "200",
     .description = "Most to return."},
    TOOL_CURSOR_ARG,
};
static const struct arg_set arguments_set = {.args = argument_rows, .n = ARRAY_LEN(argument_rows)};

static const struct arg file_rows[] = {
    {.name = "path", .type = ARG_STRING, .flags = ARG_REQUIRED},
    {.name = "type", .type = ARG_STRING, .flags = ARG_REQUIRED, .values = file_kinds},
    {.name = "size", .type = ARG_INTEGER},
    {.name = "modified", .type = ARG_INTEGER},
};
static const struct arg_set file_set = {
    .args = file_rows, .n = ARRAY_LEN(file_rows), .is_open = true};

static const struct arg result_rows[] = {
    {.name = "files", .type = ARG_OBJECTS, .flags = ARG_REQUIRED, .members = &file_set},
    {.name = "next_cursor", .type = ARG_STRING, .flags = ARG_NULLABLE},
    {.name = "complete",
     .type = ARG_BOOLEAN,
     .flags = ARG_REQUIRED,
     .description = "false: there are more than the server goes over."},
    FILE_NOTE_ROW,
};
static const struct arg_set result = {
    .args = result_rows, .n = ARRAY_LEN(result_rows), .is_open = true};

static const struct tool tool = {.name = "list_files",
                                 .title = "List files",
                                 .description =
                                     "Lists files in the workspace, where commands start.",
                                 .arguments = &arguments_set,
                                 .result = &result,
                                 .is_read_only = true,
                                 .is_idempotent = true};

char *tool_list_files_describe(void *pack_arg)
{
    return tool_describe(&tool, ((const struct pack_exec *)pack_arg)->config);
}

struct list_files {
    struct file_request fr; /* first */
    char *after;            /* owned; NULL: from the begin */
    struct file_walk *walk; /* owned */
    struct file_list list;
};

static void on_free(struct exec_request *er)
{
    struct list_files *q = (struct list_files *)er;
    file_list_deinit(&q->list);
    file_walk_free(q->walk);
    file_request_close(&q->fr);
    free(q->after);
    free(q);
}

/* JSON knows no other bytes than UTF-8; a name that has them can't be asked for anyway. */
static void add_path(cJSON *o, const char *directory, const char *path)
{
    CLEANUP(buf_deinit) struct buf b = {0};

    buf_printf(&b, "%s%s%s", directory, *directory ? "/" : "", path);
    output_add_text(o, "path", &b);
}

static cJSON *entry_json(const struct list_files *q, const struct file_entry *e)
{
    cJSON *o = cJSON_CreateObject();

    add_path(o, q->fr.path, e->path);
    cJSON_AddStringToObject(o, "type", file_kind(e->mode));
    if (S_ISREG(e->mode))
        cJSON_AddNumberToObject(o, "size", (double)e->size);
    cJSON_AddNumberToObject(o, "modified", (double)e->modified_s);
    return o;
}

static void reply(struct list_files *q)
{
    cJSON *o = cJSON_CreateObject(), *files = cJSON_AddArrayToObject(o, "files");
    struct file_list *l = &q->list;

    file_list_sort(l);
    for (size_t i = 0; i < l->n; i++)
        cJSON_AddItemToArray(files, entry_json(q, &l->entries[i]));
    tool_add_cursor(q->fr.er.rq, o, l->has_more ? l->entries[l->n - 1].path : NULL);
    cJSON_AddBoolToObject(o, "complete", file_walk_is_complete(q->walk));
    file_request_add_note(&q->fr, o);
    mcp_reply_tool(q->fr.er.rq, NULL, o, NULL, false);
}

static bool see(void *arg, const char *path, const struct stat *st)
{
    file_list_offer(arg, path, st);
    return true;
}

static void on_turn(struct exec_request *er)
{
    struct list_files *q = (struct list_files *)er;
    int r = file_walk_step(q->walk);

    if (r == FILE_MORE)
        return exec_request_yield(er, on_turn);
    if (r != FILE_OK)
        return file_request_refuse(&q->fr, r);
    reply(q);
    exec_request_end(er);
}

static void begin(struct list_files *q)
{
    const cJSON *arguments = q->fr.arguments;
    int fd = -1, r = file_open_directory(&q->fr.root, q->fr.path, &fd);

    if (r != FILE_OK)
        return file_request_refuse(&q->fr, r);
    q->list.after = q->after;
    q->list.limit = (size_t)arg_number(arguments, "limit", LIMIT_DEFAULT);
    q->walk = file_walk_new(&(struct file_walk_options){
        .fd = fd,
        .is_recursive = arg_bool(arguments, "recursive", false),
        .max_entries = q->fr.er.pack->config->max_scan_entries,
        .see = see,
        .arg = &q->list,
    });
    on_turn(&q->fr.er);
}

static void on_open(struct file_request *fr)
{
    struct list_files *q = (struct list_files *)fr;
    const char *cursor = arg_str(fr->arguments, "cursor");

    q->after = cursor ? mcp_cursor_read(fr->er.rq, cursor) : NULL;
    if (!cursor || q->after)
        return begin(q);
    mcp_reply_tool_error(fr->er.rq, "cursor is none of ours: pass next_cursor of the answer "
                                    "before, or leave it out to begin with the first");
    exec_request_end(&fr->er);
}

void tool_list_files_call(struct mcp_request *rq, const cJSON *arguments, void *pack_arg)
{
    const struct pack_exec *p = pack_arg;

    if (!tool_check(&tool, p, rq, arguments))
        return;
    struct list_files *q = xcalloc(1, sizeof(*q));
    exec_request_init(&q->fr.er, rq, p, on_free);
    file_request_begin(&q->fr, arguments, on_open);
}
