#include "server/mcp/output_request.h"

#include <stdio.h>

#include "state/base/id.h"

void output_request_deinit(struct output_request *q)
{
    shape_options_deinit(&q->options);
    q->reader = output_reader_free(q->reader);
}

static void refuse(struct output_request *q, int outcome)
{
    char id[EVENT_ID_MAX + 1];
    struct mcp_request *rq = q->er.rq;
    (void)event_id_format(q->from, id);
    if (outcome == OUTPUT_E_PLACE)
        mcp_reply_tool_error(rq,
                             "last_event_id \"%s\" is no event of this execution: pass the "
                             "next_event_id of its last answer, or leave it out to begin with "
                             "the first",
                             id);
    else if (outcome == OUTPUT_E_COST)
        mcp_reply_tool_error(rq, "output.grep takes too many steps on this output: make the "
                                 "expression simpler, without repetition in repetition");
    else
        mcp_reply_tool_error(rq, "The server failed to read the output: %s", strerror(-outcome));
    exec_request_end(&q->er);
}

static void on_turn(struct exec_request *er)
{
    struct output_request *q = (struct output_request *)er;
    int r = output_reader_step(q->reader);
    if (r == OUTPUT_MORE)
        return exec_request_yield(er, on_turn);
    if (r != OUTPUT_DONE)
        return refuse(q, r);
    q->reply(q, output_reader_result(q->reader));
    exec_request_end(er);
}

void output_request_read(struct output_request *q, const struct execution_view *v)
{
    const struct config *c = q->er.pack->config;
    const char *state_dir = c->state_dir;
    execution_facts_read(&q->facts, state_dir, v);
    const struct output_query query = {
        .state_dir = state_dir,
        .id = v->id,
        .options = &q->options,
        .from = q->from,
        .is_page = q->is_page,
        .has_exit = q->facts.has_exit,
        .is_copy = !id_has_replica(v->id, c->replica_id) &&
                   (!execution_status_is_final(v->status) || v->status == EXECUTION_LOST)};
    int r = output_reader_new(&query, &q->reader);
    if (r != OUTPUT_DONE)
        return refuse(q, r);
    on_turn(&q->er);
}

cJSON *output_request_result(struct output_request *q, const struct output *out, cJSON *structured,
                             const char *note)
{
    CLEANUP(free_p) char *text = NULL;
    if (q->options.format == SHAPE_TEXT)
        text = output_text(&q->facts, out, note);
    output_add(structured, &q->facts, out, q->options.format);
    cJSON *links = mcp_request_has_resource_link(q->er.rq) ? output_links(&q->facts, out) : NULL;
    return mcp_tool_result(q->er.rq, text, structured, links, false);
}

void output_request_answer(struct output_request *q, const struct output *out, cJSON *structured,
                           const char *note)
{
    mcp_reply_result(q->er.rq, output_request_result(q, out, structured, note));
}
