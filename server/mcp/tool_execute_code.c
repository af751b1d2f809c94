/* execute_code and execute_code_async: start, and wait for as long as the client wants to. */
#include "server/mcp/confirm.h"
#include "server/mcp/execute_reply.h"
#include "server/mcp/start.h"
#include "server/mcp/task_exec.h"
#include "server/mcp/waiting_json.h"
#include "state/base/clock.h"

#define STARTED_ROWS                                                                           \
    {.name = "execution_id", .type = ARG_STRING, .flags = ARG_REQUIRED}, EXECUTION_STATUS_ROW, \
        {.name = "message", .type = ARG_STRING}, {.name = "repeated", .type = ARG_BOOLEAN},    \
    {                                                                                          \
        .name = "queue_position", .type = ARG_INTEGER                                          \
    }
static const struct arg result_rows[] = {
    STARTED_ROWS,
    WAITING_ROWS,
    EXECUTION_END_ROWS,
    OUTPUT_ROWS,
};
static const struct arg_set result = {
    .args = result_rows, .n = ARRAY_LEN(result_rows), .is_open = true};

/* With wait_seconds also the others; who asks for that knows them from above. */
static const struct arg started_rows[] = {STARTED_ROWS};
static const struct arg_set started = {
    .args = started_rows, .n = ARRAY_LEN(started_rows), .is_open = true};

static const struct tool execute_code = {
    .name = "execute_code",
    .title = "Run a command or code",
    .description =
        "Runs a shell command (or code in a language) and returns its output and exit code. What "
        "takes longer than the wait goes on in the background: its execution_id is returned with "
        "status running. A command that exits non-zero is a successful call.",
    .arguments = &start_arguments,
    .result = &result,
    .is_destructive = true,
    .is_open_world = true};

static const struct tool execute_code_async = {
    .name = "execute_code_async",
    .title = "Start a command in the background",
    .description = "Starts a shell command (or code in a language) and returns its execution_id at "
                   "once. Follow it with get_execution_output, feed it with send_stdin (when "
                   "interactive), end it with cancel_execution.",
    .arguments = &start_async_arguments,
    .result = &started,
    .is_destructive = true,
    .is_open_world = true};

char *tool_execute_code_describe(void *pack_arg)
{
    return tool_describe(&execute_code, ((const struct pack_exec *)pack_arg)->config);
}

char *tool_execute_code_async_describe(void *pack_arg)
{
    return tool_describe(&execute_code_async, ((const struct pack_exec *)pack_arg)->config);
}

/* It was waited for; it may still run. */
static void reply(struct output_request *q, const struct output *out)
{
    const char *note;
    cJSON *o = execute_structured(q, &note);
    output_request_answer(q, out, o, note);
}

/* Nobody waits: only that it was started. */
static void reply_started(struct output_request *q, const struct execution_view *v)
{
    cJSON *o = execute_begin(q, v);
    cJSON_AddStringToObject(o, "message", execute_what_next(v));
    mcp_reply_tool(q->er.rq, NULL, o, NULL, false);
    exec_request_end(&q->er);
}

static void on_started(struct exec_request *er, struct call *c)
{
    struct output_request *q = (struct output_request *)er;
    /* Without room for one more that waits, what was started goes on unwatched. */
    bool is_started = c->outcome == CALL_OK || (c->outcome == CALL_E_WAITERS_FULL && c->view.id[0]);
    const struct execution_view view = c->view;
    if (!is_started)
        exec_request_refuse(er, c);
    call_free(c);
    if (!is_started)
        return exec_request_end(er);
    if (mcp_request_takes_task(er->rq) &&
        (!execution_status_is_final(view.status) || !mcp_request_is_modern(er->rq)))
        return task_exec_reply_created(er, &view);
    if (!er->is_waiting)
        return reply_started(q, &view);
    /* Of what still runs the client will ask for more: the first page of it. Else both ends. */
    q->is_page = !execution_status_is_final(view.status);
    output_request_read(q, &view);
}

/* A start on its way: perhaps it waits for a person's word first. */
struct start {
    struct output_request q; /* first */
    struct exec_spec *spec;  /* owned until it is sent */
    uint64_t wait_ms;
    struct confirm confirm;
};

static void on_free(struct exec_request *er)
{
    struct start *s = (struct start *)er;
    output_request_deinit(&s->q);
    confirm_deinit(&s->confirm);
    exec_spec_free(s->spec);
    free(s);
}

/* How long the client wants to wait. */
static uint64_t wait_ms(const struct config *c, const cJSON *arguments, bool is_sync)
{
    double seconds = arg_number(arguments, "wait_seconds", -1);
    if (arguments_get(&start_arguments, arguments, "wait_for_completion") && !is_sync)
        return 0;
    if (seconds < 0)
        return is_sync ? c->max_wait_ms : 0;
    return (uint64_t)(seconds * 1000);
}

/* Clients of 2025-11-25 that ask for a task want just that; others take the answer if it is there
 * soon. */
static uint64_t task_wait_ms(const struct mcp_request *rq, const struct config *c, uint64_t ms)
{
    if (!mcp_request_is_modern(rq))
        return 0;
    return ms < c->task_sync_wait_ms ? ms : c->task_sync_wait_ms;
}

/* What the client confirmed can be asked for again, and then does not end with one request. */
static void send_start(struct start *s)
{
    struct exec_request *er = &s->q.er;
    struct call *c = exec_request_call(er, CALL_START);
    er->owns_execution = s->spec->sync && !s->spec->idempotency_key;
    c->spec = TAKE_PTR(s->spec);
    c->until = s->wait_ms > 0 ? CALL_UNTIL_ENDED : CALL_UNTIL_NOTHING;
    c->deadline_ms = clock_mono_ms() + s->wait_ms;
    c->reads_output = s->wait_ms > 0; /* also of an earlier start with this key, elsewhere */
    exec_request_send(er, c, on_started);
}

static void on_confirmed(void *arg, bool may_start)
{
    struct start *s = arg;
    if (may_start)
        send_start(s);
    else
        exec_request_end(&s->q.er);
}

static void confirm_and_send(struct start *s, const cJSON *arguments)
{
    s->confirm = (struct confirm){.rq = s->q.er.rq,
                                  .config = s->q.er.pack->config,
                                  .spec = s->spec,
                                  .arguments = arguments,
                                  .on_answer = on_confirmed,
                                  .arg = s};
    switch (confirm_ask(&s->confirm)) {
    case CONFIRM_GO:
        return send_start(s);
    case CONFIRM_ANSWERED:
        return exec_request_end(&s->q.er);
    case CONFIRM_WAIT:
        return;
    }
}

static void start(const struct pack_exec *p, struct mcp_request *rq, const cJSON *arguments,
                  bool is_sync)
{
    const struct start_options so = {.config = p->config,
                                     .runtimes = &p->runtimes,
                                     .isolation = reactor_isolation(p->reactor),
                                     .principal = mcp_request_principal(rq),
                                     .session = mcp_request_session(rq),
                                     .arguments = arguments,
                                     .is_sync = is_sync};
    struct shape_options shape;
    struct exec_spec *spec = NULL;
    char *error =
        shape_options_read(&shape, p->config, arguments_get(&start_arguments, arguments, "output"));
    if (!error)
        spec = start_spec(&so, &error);
    if (error) {
        shape_options_deinit(&shape);
        return tool_refuse(rq, error);
    }
    struct start *s = xcalloc(1, sizeof(*s));
    exec_request_init(&s->q.er, rq, p, on_free);
    s->q.options = shape;
    s->q.reply = reply;
    s->spec = spec;
    s->wait_ms = wait_ms(p->config, arguments, is_sync);
    if (mcp_request_takes_task(rq))
        s->wait_ms = task_wait_ms(rq, p->config, s->wait_ms);
    confirm_and_send(s, arguments);
}

void tool_execute_code_call(struct mcp_request *rq, const cJSON *arguments, void *pack_arg)
{
    const struct pack_exec *p = pack_arg;
    if (tool_check(&execute_code, p, rq, arguments))
        start(p, rq, arguments, arg_bool(arguments, "wait_for_completion", true));
}

void tool_execute_code_async_call(struct mcp_request *rq, const cJSON *arguments, void *pack_arg)
{
    const struct pack_exec *p = pack_arg;
    if (tool_check(&execute_code_async, p, rq, arguments))
        start(p, rq, arguments, false);
}
