/* get_execution_status: what is known of one execution. */
#include "server/mcp/tool.h"

static const struct arg argument_rows[] = {
    EXECUTION_ID_ARG,
    {.name = "checksum",
     .type = ARG_BOOLEAN,
     .default_json = "false",
     .description = "Checksums of the output also above 16 MiB, which takes a while."},
};
static const struct arg_set arguments_set = {.args = argument_rows, .n = ARRAY_LEN(argument_rows)};

static const struct tool tool = {
    .name = "get_execution_status",
    .title = "Status of an execution",
    .description = "Returns whether an execution waits, runs or has ended, how it ended and what "
                   "it took. Its output is with get_execution_output.",
    .arguments = &arguments_set,
    .result = &execution_status_result,
    .is_read_only = true,
    .is_idempotent = true};

struct get_status {
    struct exec_request er; /* first */
    bool has_checksum;
};

char *tool_get_execution_status_describe(void *pack_arg)
{
    return tool_describe(&tool, ((const struct pack_exec *)pack_arg)->config);
}

static void on_view(struct exec_request *er, struct call *c)
{
    const struct get_status *g = (const struct get_status *)er;
    struct execution_facts f;
    if (c->outcome != CALL_OK) {
        exec_request_refuse(er, c);
    } else {
        execution_facts_read(&f, er->pack->config->state_dir, &c->view);
        mcp_reply_tool(er->rq, NULL,
                       execution_status_json(&f, g->has_checksum ? 0 : SUMS_MAX_BYTES), NULL,
                       false);
    }
    call_free(c);
    exec_request_end(er);
}

void tool_get_execution_status_call(struct mcp_request *rq, const cJSON *arguments, void *pack_arg)
{
    const struct pack_exec *p = pack_arg;
    char id[EXECUTION_ID_MAX + 1];
    if (!tool_check(&tool, p, rq, arguments) || !tool_take_id(rq, arguments, id))
        return;
    struct get_status *g = xcalloc(1, sizeof(*g));
    exec_request_init(&g->er, rq, p, NULL);
    g->has_checksum = arg_bool(arguments, "checksum", false);
    struct call *c = exec_request_call(&g->er, CALL_WAIT);
    memcpy(c->id, id, sizeof(c->id));
    exec_request_send(&g->er, c, on_view);
}
