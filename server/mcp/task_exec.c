#include "server/mcp/task_exec.h"

#include "server/mcp/execute_reply.h"
#include "server/mcp/execution_list.h"
#include "server/mcp/jsonrpc.h"
#include "server/mcp/news_exec.h"
#include "server/mcp/task_input.h"
#include "state/base/clock.h"

#define PAGE_ENTRIES 50

static enum mcp_task_status status_of(enum execution_status s)
{
    switch (s) {
    case EXECUTION_PENDING:
    case EXECUTION_RUNNING:
        return MCP_TASK_WORKING;
    case EXECUTION_COMPLETED:
    case EXECUTION_TIMEOUT:
    case EXECUTION_FAILED:
        return MCP_TASK_COMPLETED;
    case EXECUTION_CANCELLED:
        return MCP_TASK_CANCELLED;
    case EXECUTION_LOST:
        return MCP_TASK_FAILED;
    }
    abort();
}

/* For people, and for models that have nothing else. malloc'd. */
static char *message_of(const struct execution_facts *f, enum task_input input)
{
    CLEANUP(free_p) char *summary = execution_summary(f);
    struct buf b = {0};
    buf_append_str(&b, input == TASK_INPUT_TOLD ? task_input_message(&f->view) : summary);
    if (f->view.status == EXECUTION_CANCELLED || f->view.status == EXECUTION_LOST)
        buf_printf(&b,
                   "; its output up to then: get_execution_output, or the resource "
                   "exec://%s/output",
                   f->view.id);
    return buf_steal(&b);
}

/* At least so long it can be read: what has ended stays for the time of retention. */
static uint64_t ttl_ms(const struct config *c, const struct execution_facts *f)
{
    uint64_t until_us = f->has_exit ? f->exit.ended_us : clock_real_us();
    uint64_t age_us = until_us > f->view.created_us ? until_us - f->view.created_us : 0;
    return age_us / 1000 + c->retention_ttl_ms;
}

static struct mcp_task task_of(const struct config *c, const struct execution_facts *f,
                               const char *message)
{
    return (struct mcp_task){.id = f->view.id,
                             .status = status_of(f->view.status),
                             .message = message,
                             .created_us = f->view.created_us,
                             .updated_us = f->has_exit ? f->exit.ended_us : f->view.changed_us,
                             .ttl_ms = ttl_ms(c, f),
                             .poll_ms = c->task_poll_interval_ms,
                             .error_code = JSONRPC_INTERNAL_ERROR};
}

/* Without the result. */
static void reply(struct exec_request *er, const struct execution_facts *f, bool had_ended)
{
    const struct config *config = er->pack->config;
    enum task_input input = task_input_of(er->rq, config, &f->view);
    CLEANUP(free_p) char *message = message_of(f, input);
    struct mcp_task t = task_of(config, f, message);
    t.had_ended = had_ended;
    if (input == TASK_INPUT_ASKED) {
        t.status = MCP_TASK_INPUT_REQUIRED;
        t.input_requests = task_input_requests(config, &f->view);
    }
    mcp_reply_task(er->rq, &t);
    exec_request_end(er);
}

void task_exec_reply_created(struct exec_request *er, const struct execution_view *v)
{
    struct execution_facts f;
    execution_facts_read(&f, er->pack->config->state_dir, v);
    reply(er, &f, false);
}

static void refuse(struct exec_request *er, const struct call *c)
{
    CLEANUP(free_p) char *text = call_outcome_text(c, er->pack->config);
    if (c->outcome == CALL_E_NOT_FOUND)
        mcp_reply_no_task(er->rq);
    else
        mcp_reply_error(er->rq, JSONRPC_INTERNAL_ERROR, text, NULL);
}

static void set_id(struct call *c, const char *id)
{
    if (strlen(id) <= EXECUTION_ID_MAX) /* else: "", which no execution has */
        memcpy(c->id, id, strlen(id) + 1);
}

/* ---- get, wait ---- */

struct task_request {
    struct output_request q; /* first */
    char id[EXECUTION_ID_MAX + 1];
    bool waits; /* for the end, however long that takes */
};

static void on_free(struct exec_request *er)
{
    struct task_request *t = (struct task_request *)er;
    output_request_deinit(&t->q);
    free(t);
}

static void reply_completed(struct output_request *q, const struct output *out)
{
    const char *note;
    CLEANUP(free_p) char *message = message_of(&q->facts, TASK_INPUT_NONE);
    struct mcp_task t = task_of(q->er.pack->config, &q->facts, message);
    cJSON *structured = execute_structured(q, &note);
    t.result = output_request_result(q, out, structured, note);
    mcp_reply_task(q->er.rq, &t);
}

/* As the call asked for it. Of what was started elsewhere that may not be known. */
static void read_shape(struct task_request *t)
{
    const struct config *config = t->q.er.pack->config;
    CLEANUP(free_p) char *dir = journal_dir(config->state_dir, t->id);
    CLEANUP(exec_spec_freep) struct exec_spec *spec = NULL;
    CLEANUP(json_deletep) cJSON *o = NULL;
    size_t error_at;
    if (exec_spec_read(dir, &spec) < 0 || !spec->output ||
        json_parse(spec->output, strlen(spec->output), &o, &error_at) != JSON_OK)
        o = NULL;
    /* It was checked when it came, but limits may be others now, and Redis may say anything. */
    CLEANUP(free_p) char *error = o ? arguments_check(&shape_arguments, config, o) : NULL;
    if (!error)
        error = shape_options_read(&t->q.options, config, o);
    if (!error)
        return;
    shape_options_deinit(&t->q.options);
    free(shape_options_read(&t->q.options, config, NULL));
}

static void send_wait(struct task_request *t, exec_answer_fn *on_answer)
{
    struct call *c = exec_request_call(&t->q.er, CALL_WAIT);
    memcpy(c->id, t->id, sizeof(c->id));
    c->reads_output = true;
    if (t->waits) {
        c->until = CALL_UNTIL_OVER;
        c->deadline_ms = clock_mono_ms() + t->q.er.pack->config->max_wait_ms;
    }
    exec_request_send(&t->q.er, c, on_answer);
}

static void on_view(struct exec_request *er, struct call *c)
{
    struct task_request *t = (struct task_request *)er;
    struct execution_facts f;
    if (c->outcome != CALL_OK) {
        refuse(er, c);
        call_free(c);
        return exec_request_end(er);
    }
    bool is_over = c->deadline_ms <= clock_mono_ms();
    execution_facts_read(&f, er->pack->config->state_dir, &c->view);
    call_free(c);
    if (t->waits && !execution_facts_is_final(&f)) {
        if (is_over)
            return send_wait(t, on_view);
        mcp_reply_error(er->rq, JSONRPC_INTERNAL_ERROR, "The server is going: ask again", NULL);
        return exec_request_end(er);
    }
    if (status_of(f.view.status) != MCP_TASK_COMPLETED)
        return reply(er, &f, false);
    read_shape(t);
    t->q.reply = reply_completed;
    output_request_read(&t->q, &f.view);
}

static void ask(struct mcp_request *rq, const char *id, bool waits, void *pack_arg)
{
    struct task_request *t = xcalloc(1, sizeof(*t));
    exec_request_init(&t->q.er, rq, pack_arg, on_free);
    if (strlen(id) <= EXECUTION_ID_MAX)
        memcpy(t->id, id, strlen(id) + 1);
    t->waits = waits;
    send_wait(t, on_view);
}

static void get(struct mcp_request *rq, const char *id, void *pack_arg)
{
    ask(rq, id, false, pack_arg);
}

static void wait(struct mcp_request *rq, const char *id, void *pack_arg)
{
    ask(rq, id, true, pack_arg);
}

/* ---- update, cancel ---- */

static void on_done(struct exec_request *er, struct call *c)
{
    struct execution_facts f;
    if (c->outcome != CALL_OK) {
        refuse(er, c);
        call_free(c);
        return exec_request_end(er);
    }
    bool had_ended = c->op == CALL_CANCEL && !c->was_running;
    execution_facts_read(&f, er->pack->config->state_dir, &c->view);
    call_free(c);
    reply(er, &f, had_ended);
}

struct update_request {
    struct exec_request er; /* first */
    cJSON *responses;       /* owned */
    struct execution_facts facts;
};

static void on_update_free(struct exec_request *er)
{
    struct update_request *u = (struct update_request *)er;
    cJSON_Delete(u->responses);
    free(u);
}

/* What came too late for the execution is passed over, as an answer that nobody asked for. */
static void on_written(struct exec_request *er, struct call *c)
{
    const struct update_request *u = (const struct update_request *)er;
    enum call_outcome o = c->outcome;
    if (o != CALL_OK && o != CALL_E_COMPLETED && o != CALL_E_STDIN_CLOSED) {
        refuse(er, c);
        call_free(c);
        return exec_request_end(er);
    }
    call_free(c);
    reply(er, &u->facts, false);
}

static void on_asked(struct exec_request *er, struct call *c)
{
    struct update_request *u = (struct update_request *)er;
    const char *error = NULL;
    struct call *answer = NULL;
    if (c->outcome != CALL_OK) {
        refuse(er, c);
        call_free(c);
        return exec_request_end(er);
    }
    execution_facts_read(&u->facts, er->pack->config->state_dir, &c->view);
    call_free(c);
    if (task_input_of(er->rq, er->pack->config, &u->facts.view) != TASK_INPUT_ASKED)
        return reply(er, &u->facts, false);
    answer = exec_request_call(er, CALL_STDIN);
    memcpy(answer->id, u->facts.view.id, sizeof(answer->id));
    int r = task_input_take(&u->facts.view, u->responses, answer, &error);
    if (r > 0)
        return exec_request_send(er, answer, on_written);
    call_free(answer);
    if (r == 0)
        return reply(er, &u->facts, false);
    mcp_reply_error(er->rq, JSONRPC_INVALID_PARAMS, error, NULL);
    exec_request_end(er);
}

static void update(struct mcp_request *rq, const char *id, const cJSON *responses, void *pack_arg)
{
    struct update_request *u = xcalloc(1, sizeof(*u));
    exec_request_init(&u->er, rq, pack_arg, on_update_free);
    u->responses = cJSON_Duplicate(responses, true);
    struct call *c = exec_request_call(&u->er, CALL_WAIT);
    set_id(c, id);
    exec_request_send(&u->er, c, on_asked);
}

static void cancel(struct mcp_request *rq, const char *id, void *pack_arg)
{
    struct exec_request *er = xcalloc(1, sizeof(*er));
    exec_request_init(er, rq, pack_arg, NULL);
    struct call *c = exec_request_call(er, CALL_CANCEL);
    set_id(c, id);
    exec_request_send(er, c, on_done);
}

/* ---- list ---- */

static void reply_list(struct exec_request *er, const struct call *c)
{
    char cursor[EXECUTION_CURSOR_MAX + 1];
    struct mcp_task tasks[PAGE_ENTRIES];
    struct execution_facts facts[PAGE_ENTRIES];
    bool has_next = execution_cursor_next(c, cursor);
    CLEANUP(free_p) char *signed_cursor = has_next ? mcp_cursor_sign(er->rq, cursor) : NULL;
    for (size_t i = 0; i < c->n_views; i++) {
        execution_facts_read(&facts[i], er->pack->config->state_dir, &c->views[i]);
        tasks[i] = task_of(er->pack->config, &facts[i], NULL);
    }
    mcp_reply_tasks(er->rq, tasks, c->n_views, signed_cursor);
}

static void on_listed(struct exec_request *er, struct call *c)
{
    if (c->outcome == CALL_OK)
        reply_list(er, c);
    else
        refuse(er, c);
    call_free(c);
    exec_request_end(er);
}

static void list(struct mcp_request *rq, const char *cursor, void *pack_arg)
{
    struct exec_request *er = xcalloc(1, sizeof(*er));
    exec_request_init(er, rq, pack_arg, NULL);
    struct call *c = exec_request_call(er, CALL_LIST);
    CLEANUP(free_p) char *place = cursor ? mcp_cursor_read(rq, cursor) : NULL;
    c->list.limit = PAGE_ENTRIES;
    c->list.session_only = strcmp(c->principal, PRINCIPAL_ANONYMOUS) == 0;
    if (cursor && (!place || !execution_cursor_apply(place, c))) {
        call_free(c);
        mcp_reply_error(rq, JSONRPC_INVALID_PARAMS, "params.cursor: not a cursor of this list",
                        NULL);
        return exec_request_end(er);
    }
    exec_request_send(er, c, on_listed);
}

const struct mcp_tasks task_exec = {.get = get,
                                    .wait = wait,
                                    .update = update,
                                    .cancel = cancel,
                                    .list = list,
                                    .watch = news_exec_watch_task};
