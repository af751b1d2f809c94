/* list_executions: a client's executions, newest first. */
#include "server/mcp/execution_list.h"
#include "server/mcp/tool.h"

#define LIMIT_DEFAULT 50
#define LIMIT_MAX     200
#define PARTIAL_NOTE                                                                    \
    "Not all: executions of other servers may be missing, since the store they share, " \
    "Redis, could not be asked. Try again."

static const struct arg argument_rows[] = {
    {.name = "status",
     .type = ARG_STRING,
     .values = execution_status_values,
     .description = "Only those with this status."},
    {.name = "limit",
     .type = ARG_INTEGER,
     .min = 1,
     .max = LIMIT_MAX,
     .default_json = "50",
     .description = "Most to return."},
    TOOL_CURSOR_ARG,
};
static const struct arg_set arguments_set = {.args = argument_rows, .n = ARRAY_LEN(argument_rows)};

static const struct arg result_rows[] = {
    {.name = "executions",
     .type = ARG_OBJECTS,
     .flags = ARG_REQUIRED,
     .members = &execution_status_result},
    {.name = "next_cursor", .type = ARG_STRING, .flags = ARG_NULLABLE},
    {.name = "note", .type = ARG_STRING},
};
static const struct arg_set result = {
    .args = result_rows, .n = ARRAY_LEN(result_rows), .is_open = true};

static const struct tool tool = {
    .name = "list_executions",
    .title = "List executions",
    .description = "Lists executions that wait, run or ended not long ago, newest first.",
    .arguments = &arguments_set,
    .result = &result,
    .is_read_only = true,
    .is_idempotent = true};

char *tool_list_executions_describe(void *pack_arg)
{
    return tool_describe(&tool, ((const struct pack_exec *)pack_arg)->config);
}

static void on_listed(struct exec_request *er, struct call *c)
{
    char cursor[EXECUTION_CURSOR_MAX + 1];
    if (c->outcome != CALL_OK) {
        exec_request_refuse(er, c);
    } else {
        cJSON *o = cJSON_CreateObject();
        cJSON *list = cJSON_AddArrayToObject(o, "executions");
        for (size_t i = 0; i < c->n_views; i++) {
            struct execution_facts f;
            execution_facts_of_list(&f, er->pack->config->state_dir, c, i);
            cJSON_AddItemToArray(list, execution_status_json(&f, false));
        }
        if (c->is_partial)
            cJSON_AddStringToObject(o, "note", PARTIAL_NOTE);
        bool has_next = execution_cursor_next(c, cursor);
        tool_add_cursor(er->rq, o, has_next ? cursor : NULL);
        mcp_reply_tool(er->rq, NULL, o, NULL, false);
    }
    call_free(c);
    exec_request_end(er);
}

void tool_list_executions_call(struct mcp_request *rq, const cJSON *arguments, void *pack_arg)
{
    const struct pack_exec *p = pack_arg;
    if (!tool_check(&tool, p, rq, arguments))
        return;
    const char *status = arg_str(arguments, "status"), *cursor = arg_str(arguments, "cursor");
    struct exec_request *er = xcalloc(1, sizeof(*er));
    exec_request_init(er, rq, p, NULL);
    struct call *c = exec_request_call(er, CALL_LIST);
    c->list.limit = (unsigned)arg_number(arguments, "limit", LIMIT_DEFAULT);
    c->list.session_only = c->session_id != NULL;
    if (status)
        (void)execution_status_from_name(status, &c->list.status); /* the table knows them all */
    CLEANUP(free_p) char *place = cursor ? mcp_cursor_read(rq, cursor) : NULL;
    if (cursor && (!place || !execution_cursor_apply(place, c))) {
        call_free(c);
        mcp_reply_tool_error(rq,
                             "cursor is none of ours: pass next_cursor of the answer before, or "
                             "leave it out to begin with the newest");
        return exec_request_end(er);
    }
    exec_request_send(er, c, on_listed);
}
