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
    .description = "Returns how an execution is or ended, and what it took. status: pending (in "
                   "line), running, "
                   "completed (ended by itself, whatever the exit_code), cancelled, timeout, "
                   "failed (could not run, or met a limit) or lost (what ran it died).",
    .arguments = &arguments_set,
    .result = &execution_status_result,
    .is_read_only = true,
    .is_idempotent = true};

#define STEP_BYTES (4u << 20) /* hashed in one turn: some milliseconds */

struct get_status {
    struct exec_request er; /* first */
    bool has_checksum;
    struct execution_facts facts;
    struct journal_summing *summing; /* owned; NULL: nothing to be hashed, or no more */
};

char *tool_get_execution_status_describe(void *pack_arg)
{
    return tool_describe(&tool, ((const struct pack_exec *)pack_arg)->config);
}

static void on_free(struct exec_request *er)
{
    struct get_status *g = (struct get_status *)er;
    journal_summing_freep(&g->summing);
    free(g);
}

static void reply(struct get_status *g)
{
    cJSON *status = execution_status_json(&g->facts, true);
    mcp_reply_tool(g->er.rq, NULL, status, NULL, false);
    exec_request_end(&g->er);
}

/* Sums above the size that execution_add_end() makes them of. What fails is null in the answer. */
static void on_turn(struct exec_request *er)
{
    struct get_status *g = (struct get_status *)er;
    int r = journal_summing_step(g->summing, STEP_BYTES, &g->facts.sums);
    if (r == 1)
        return exec_request_yield(er, on_turn);
    g->facts.has_sums = r == 0;
    reply(g);
}

static void on_view(struct exec_request *er, struct call *c)
{
    struct get_status *g = (struct get_status *)er;
    const char *state_dir = er->pack->config->state_dir;
    if (c->outcome != CALL_OK) {
        exec_request_refuse(er, c);
        call_free(c);
        return exec_request_end(er);
    }
    execution_facts_read(&g->facts, state_dir, &c->view);
    call_free(c);
    if (g->has_checksum && g->facts.has_exit && g->facts.exit.output_bytes > SUMS_MAX_BYTES &&
        journal_summing_new(state_dir, g->facts.view.id, 0, &g->summing) == 0)
        return on_turn(er);
    reply(g);
}

void tool_get_execution_status_call(struct mcp_request *rq, const cJSON *arguments, void *pack_arg)
{
    const struct pack_exec *p = pack_arg;
    if (!tool_check(&tool, p, rq, arguments))
        return;
    struct get_status *g = xcalloc(1, sizeof(*g));
    exec_request_init(&g->er, rq, p, on_free);
    g->has_checksum = arg_bool(arguments, "checksum", false);
    struct call *c = exec_request_call(&g->er, CALL_WAIT);
    tool_read_id(arguments, c->id);
    exec_request_send(&g->er, c, on_view);
}
