/* cancel_execution: end an execution, or only send it a signal. */
#include <ctype.h>
#include <signal.h>

#include "server/mcp/tool.h"

#define SIGNALS_MAX 31 /* the standard ones: signal(7) */

static bool is_signal(const char *name);

static const struct arg argument_rows[] = {
    EXECUTION_ID_ARG,
    {.name = "force",
     .type = ARG_BOOLEAN,
     .default_json = "false",
     .description = "false: TERM, then KILL after a grace. true: KILL at once."},
    {.name = "signal",
     .type = ARG_STRING,
     .min = 1,
     .max = 16,
     .is_valid = is_signal,
     .pattern = "^(SIG)?[A-Z0-9]+$",
     .form = "the name of a signal, e.g. \"INT\" or \"SIGUSR1\"",
     .description = "Only send this signal, and don't end it otherwise: INT is what Ctrl-C sends."},
};
static const struct arg_set arguments_set = {.args = argument_rows, .n = ARRAY_LEN(argument_rows)};

static const struct arg result_rows[] = {
    {.name = "success", .type = ARG_BOOLEAN, .flags = ARG_REQUIRED},
    {.name = "was_running", .type = ARG_BOOLEAN, .flags = ARG_REQUIRED},
    {.name = "status", .type = ARG_STRING, .values = execution_status_values},
};
static const struct arg_set result = {
    .args = result_rows, .n = ARRAY_LEN(result_rows), .is_open = true};

static const struct tool tool = {
    .name = "cancel_execution",
    .title = "Cancel an execution",
    .description = "Ends an execution with all its processes, or sends it one signal. Its output "
                   "so far stays readable. To cancel what has ended already does nothing.",
    .arguments = &arguments_set,
    .result = &result,
    .is_destructive = true,
    .is_idempotent = true};

char *tool_cancel_execution_describe(void *pack_arg)
{
    return tool_describe(&tool, ((const struct pack_exec *)pack_arg)->config);
}

/* 0: no such signal. */
static int signal_number(const char *name)
{
    if (strncmp(name, "SIG", 3) == 0)
        name += 3;
    for (int i = 1; i <= SIGNALS_MAX; i++) {
        const char *known = sigabbrev_np(i);
        if (known && strcmp(known, name) == 0)
            return i;
    }
    return 0;
}

static bool is_signal(const char *name)
{
    return signal_number(name) != 0;
}

static void reply(struct exec_request *er, const struct call *c)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddTrueToObject(o, "success");
    cJSON_AddBoolToObject(o, "was_running", c->was_running);
    cJSON_AddStringToObject(o, "status", execution_status_name(c->view.status));
    mcp_reply_tool(er->rq, NULL, o, NULL, false);
}

static void on_cancelled(struct exec_request *er, struct call *c)
{
    if (c->outcome == CALL_OK && c->cancel.signo && !c->was_running)
        c->outcome = CALL_E_COMPLETED; /* nobody is there to get the signal */
    if (c->outcome == CALL_OK)
        reply(er, c);
    else
        exec_request_refuse(er, c);
    call_free(c);
    exec_request_end(er);
}

void tool_cancel_execution_call(struct mcp_request *rq, const cJSON *arguments, void *pack_arg)
{
    const struct pack_exec *p = pack_arg;
    if (!tool_check(&tool, p, rq, arguments))
        return;
    const char *signal_arg = arg_str(arguments, "signal");
    bool is_forced = arg_bool(arguments, "force", false);
    if (signal_arg && is_forced)
        return mcp_reply_tool_error(rq, "force and signal exclude each other: force ends it by "
                                        "KILL, signal only sends one");
    struct exec_request *er = xcalloc(1, sizeof(*er));
    exec_request_init(er, rq, p, NULL);
    struct call *c = exec_request_call(er, CALL_CANCEL);
    tool_read_id(arguments, c->id);
    c->cancel.force = is_forced;
    c->cancel.signo = signal_arg ? signal_number(signal_arg) : 0;
    exec_request_send(er, c, on_cancelled);
}
