/* completion/complete of prompts' arguments. */
#include "server/mcp/arguments.h"
#include "server/mcp/exec_request.h"
#include "server/mcp/execution_json.h"
#include "server/mcp/prompt_exec.h"
#include "state/base/buf.h"

#define HISTORY_MAX 50  /* executions that are looked at: a small file each */
#define COMMAND_MAX 200 /* bytes of one that is worth completing */

struct completing {
    struct exec_request er; /* first */
    char *prefix;           /* owned */
};

static void on_free(struct exec_request *er)
{
    struct completing *q = (struct completing *)er;
    free(q->prefix);
    free(q);
}

/* Adds it unless it is there, or begins otherwise. */
static void offer(cJSON *values, const char *prefix, const char *value)
{
    const cJSON *it;
    if (strncmp(value, prefix, strlen(prefix)) != 0 || strlen(value) > COMMAND_MAX)
        return;
    cJSON_ArrayForEach(it, values)
    {
        if (strcmp(it->valuestring, value) == 0)
            return;
    }
    cJSON_AddItemToArray(values, cJSON_CreateString(value));
}

static void reply_values(struct mcp_request *rq, cJSON *values, bool has_more)
{
    cJSON *o = cJSON_CreateObject(), *completion = cJSON_AddObjectToObject(o, "completion");
    cJSON_AddItemToObject(completion, "values", values);
    cJSON_AddBoolToObject(completion, "hasMore", has_more);
    mcp_reply_result(rq, o);
}

static void on_listed(struct exec_request *er, struct call *c)
{
    const struct completing *q = (const struct completing *)er;
    cJSON *values = cJSON_CreateArray();
    for (size_t i = 0; i < c->n_views; i++) {
        struct execution_facts f;
        const char *command = "";
        execution_facts_of_list(&f, er->pack->config->state_dir, c, i);
        CLEANUP(json_deletep) cJSON *status = execution_status_json(&f, false);
        if (json_get_str(status, "command", &command))
            offer(values, q->prefix, command);
    }
    reply_values(er->rq, values, c->has_more);
    call_free(c);
    exec_request_end(er);
}

/* What the caller has run lately, newest first. */
static void complete_by_history(struct mcp_request *rq, const char *prefix, void *pack_arg)
{
    struct completing *q = xcalloc(1, sizeof(*q));
    exec_request_init(&q->er, rq, pack_arg, on_free);
    q->prefix = xstrdup(prefix);
    struct call *c = exec_request_call(&q->er, CALL_LIST);
    c->list.limit = HISTORY_MAX;
    exec_request_send(&q->er, c, on_listed);
}

static void complete_programs(struct mcp_request *rq, const char *prefix, void *pack_arg)
{
    const struct pack_exec *p = pack_arg;
    cJSON *values = cJSON_CreateArray();
    for (size_t i = 0; i < p->runtimes.n; i++)
        offer(values, prefix, runtime_program(&p->runtimes, i));
    reply_values(rq, values, false);
}

bool prompt_exec_complete(struct mcp_request *rq, const cJSON *params, void *pack_arg)
{
    const cJSON *ref = json_get(params, "ref"), *argument = json_get(params, "argument");
    const char *type = arg_str(ref, "type"), *name = arg_str(ref, "name");
    const char *what = arg_str(argument, "name"), *value = arg_str(argument, "value");
    const struct mcp_prompt *prompt = NULL;
    if (!type || strcmp(type, "ref/prompt") != 0 || !name)
        return false;
    for (size_t i = 0; i < prompt_exec_count; i++)
        if (strcmp(prompt_exec_list[i].name, name) == 0)
            prompt = &prompt_exec_list[i];
    if (!prompt)
        return false;
    if (!what || !value || strcmp(what, "command") != 0)
        reply_values(rq, cJSON_CreateArray(), false);
    else if (strcmp(name, "interactive_session") == 0)
        complete_programs(rq, value, pack_arg);
    else
        complete_by_history(rq, value, pack_arg);
    return true;
}
