/* get_execution_output: what came after an event, and waiting for it. */
#include <stdio.h>

#include "server/mcp/output_request.h"
#include "server/mcp/until.h"
#include "server/mcp/waiting_json.h"
#include "state/base/clock.h"

static double max_wait(const struct config *c)
{
    return (double)c->max_wait_ms;
}

static const struct arg argument_rows[] = {
    EXECUTION_ID_ARG,
    {.name = "last_event_id",
     .type = ARG_STRING,
     .min = 1,
     .max = EVENT_ID_MAX,
     .description = "Only what came after it: pass the next_event_id of the last answer."},
    {.name = "wait",
     .type = ARG_BOOLEAN,
     .default_json = "false",
     .description = "Wait until the execution has ended (or wait_ms are over)."},
    {.name = "wait_ms",
     .type = ARG_INTEGER,
     .min = 0,
     .max_of = max_wait,
     .max_key = "limits.max_wait",
     .description = "Wait at most so long for something new."},
    {.name = "until",
     .type = ARG_STRING,
     .min = 1,
     .max = PATTERN_MAX,
     .description = "Wait until this regular expression (PCRE2) matches in the output after "
                    "last_event_id, or the execution has ended, or wait_ms are over."},
    OUTPUT_ARG,
};
static const struct arg_set arguments_set = {.args = argument_rows, .n = ARRAY_LEN(argument_rows)};

static const struct arg result_rows[] = {
    {.name = "execution_id", .type = ARG_STRING, .flags = ARG_REQUIRED},
    EXECUTION_STATUS_ROW,
    {.name = "queue_position", .type = ARG_INTEGER},
    {.name = "matched", .type = ARG_BOOLEAN},
    {.name = "match", .type = ARG_STRING},
    WAITING_ROWS,
    EXECUTION_END_ROWS,
    OUTPUT_ROWS,
};
static const struct arg_set result = {
    .args = result_rows, .n = ARRAY_LEN(result_rows), .is_open = true};

static const struct tool tool = {
    .name = "get_execution_output",
    .title = "Read or await output",
    .description =
        "Returns output of an execution: all of it, or what came after last_event_id. Can wait for "
        "something new, for a pattern, or for the end; never longer than until it waits for "
        "input. Answers are bounded: while has_more, call "
        "again with next_event_id. output.tail_lines or output.grep read large output.",
    .arguments = &arguments_set,
    .result = &result,
    .is_read_only = true,
    .is_idempotent = true};

struct get_output {
    struct output_request q; /* first */
    char id[EXECUTION_ID_MAX + 1];
    enum call_until waits_for;
    struct until *until; /* owned or NULL */
    bool has_matched;
    uint64_t deadline_ms;
    struct execution_view view; /* while `until` searches */
};

char *tool_get_execution_output_describe(void *pack_arg)
{
    return tool_describe(&tool, ((const struct pack_exec *)pack_arg)->config);
}

static void on_free(struct exec_request *er)
{
    struct get_output *g = (struct get_output *)er;
    until_free(g->until);
    output_request_deinit(&g->q);
    free(g);
}

static void add_match(cJSON *o, const struct get_output *g)
{
    if (!g->until)
        return;
    cJSON_AddBoolToObject(o, "matched", g->has_matched);
    if (g->has_matched)
        output_add_text(o, "match", until_match(g->until));
}

static void reply(struct output_request *q, const struct output *out)
{
    const struct get_output *g = (const struct get_output *)q;
    const char *note = !g->until        ? NULL
                       : g->has_matched ? "until matched"
                                        : "until has not matched";
    const struct execution_view *v = &q->facts.view;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "execution_id", v->id);
    cJSON_AddStringToObject(o, "status", execution_status_name(v->status));
    if (v->status == EXECUTION_PENDING && v->queue_position)
        cJSON_AddNumberToObject(o, "queue_position", v->queue_position);
    add_match(o, g);
    waiting_add(o, &q->facts);
    execution_add_end(o, &q->facts, true);
    output_request_answer(q, out, o, note);
}

static void wait_for_growth(struct get_output *g);

static void refuse_until(struct get_output *g, int outcome)
{
    struct mcp_request *rq = g->q.er.rq;
    if (outcome == UNTIL_E_COST)
        mcp_reply_tool_error(rq, "until takes too many steps on this output: make the expression "
                                 "simpler, without repetition in repetition");
    else
        mcp_reply_tool_error(rq, "The server failed to read the output: %s", strerror(-outcome));
    exec_request_end(&g->q.er);
}

/* Searches what is there; then waits for more, unless there is no use or time. */
static void on_search(struct exec_request *er)
{
    struct get_output *g = (struct get_output *)er;
    int r = until_step(g->until);
    if (r == UNTIL_MORE)
        return exec_request_yield(er, on_search);
    if (r < 0 || r == UNTIL_E_COST)
        return refuse_until(g, r);
    g->has_matched = r == UNTIL_YES;
    if (r == UNTIL_NO && !execution_status_is_final(g->view.status) &&
        !execution_waits_for_input(&g->view) && clock_mono_ms() < g->deadline_ms)
        return wait_for_growth(g);
    output_request_read(&g->q, &g->view); /* UNTIL_E_PLACE: finds the same, and says so */
}

static void on_view(struct exec_request *er, struct call *c)
{
    struct get_output *g = (struct get_output *)er;
    bool is_ok = c->outcome == CALL_OK;
    if (!is_ok)
        exec_request_refuse(er, c);
    else if (er->is_waiting && !call_is_due(c))
        g->deadline_ms = 0; /* the time is over, or the server is going: no more waiting */
    g->view = c->view;
    call_free(c);
    if (!is_ok)
        exec_request_end(er);
    else if (g->until)
        on_search(er);
    else
        output_request_read(&g->q, &g->view);
}

static void send_wait(struct get_output *g, enum call_until until, uint64_t after_events)
{
    struct call *c = exec_request_call(&g->q.er, CALL_WAIT);
    memcpy(c->id, g->id, sizeof(c->id));
    c->until = until;
    c->after_events = after_events;
    c->reads_output = true;
    c->deadline_ms = g->deadline_ms;
    exec_request_send(&g->q.er, c, on_view);
}

static void wait_for_growth(struct get_output *g)
{
    send_wait(g, CALL_UNTIL_GREW, until_events(g->until));
}

/* What to wait for, and how long; with `until` the first look does not wait. */
static void set_wait(struct get_output *g, const struct config *c, const cJSON *arguments)
{
    double ms = arg_number(arguments, "wait_ms", -1);
    bool is_for_end = arg_bool(arguments, "wait", false);
    uint64_t most = ms < 0 ? c->max_wait_ms : (uint64_t)ms;
    g->deadline_ms = clock_mono_ms() + most;
    if (g->until || (ms < 0 && !is_for_end))
        g->waits_for = CALL_UNTIL_NOTHING;
    else
        g->waits_for = is_for_end ? CALL_UNTIL_ENDED : CALL_UNTIL_GREW;
}

/* NULL, or what is wrong with the arguments that the table can't say. */
static char *read_arguments(struct get_output *g, const struct config *c, const cJSON *arguments)
{
    const char *last = arg_str(arguments, "last_event_id"), *until = arg_str(arguments, "until");
    const cJSON *shape = arguments_get(&arguments_set, arguments, "output");
    char *error = shape_options_read(&g->q.options, c, shape), *text = NULL;
    if (error)
        return error;
    if (last && !event_id_parse(last, &g->q.from)) {
        struct buf b = {0};
        buf_printf(
            &b,
            "last_event_id \"%s\" is no event id: pass the next_event_id (or an event_id) of "
            "an earlier answer, e.g. \"17\"",
            last);
        return buf_steal(&b);
    }
    if (!until)
        return NULL;
    struct pattern *p = pattern_new(until, &error);
    if (p)
        g->until = until_new(p, c->state_dir, g->id, g->q.from);
    else if (asprintf(&text, "until %s", error) < 0)
        abort();
    free(error);
    return text;
}

void tool_get_execution_output_call(struct mcp_request *rq, const cJSON *arguments, void *pack_arg)
{
    const struct pack_exec *p = pack_arg;
    if (!tool_check(&tool, p, rq, arguments))
        return;
    struct get_output *g = xcalloc(1, sizeof(*g));
    exec_request_init(&g->q.er, rq, p, on_free);
    tool_read_id(arguments, g->id);
    char *error = read_arguments(g, p->config, arguments);
    if (error) {
        tool_refuse(rq, error);
        return exec_request_end(&g->q.er);
    }
    set_wait(g, p->config, arguments);
    g->q.reply = reply;
    /* Events are for going through, text is for looking at: without a place both ends of it. */
    g->q.is_page = g->q.options.format == SHAPE_EVENTS || arg_str(arguments, "last_event_id");
    /* "ready" alone is nothing new. */
    send_wait(g, g->waits_for, g->q.from.event > 1 ? g->q.from.event : 1);
}
