#include "server/mcp/execute_reply.h"

#include "server/mcp/waiting_json.h"

#define WHAT_NEXT                                                                         \
    ": get_execution_output (with wait_ms or wait) returns its output, cancel_execution " \
    "ends it."

const char *execute_what_next(const struct execution_view *v)
{
    if (execution_status_is_final(v->status))
        return "Ended: get_execution_output has its output.";
    if (execution_waits_for_input(v))
        return "Waits for input: send_stdin answers it, then get_execution_output goes on.";
    if (v->status == EXECUTION_PENDING)
        return "Waits in line and then runs in the background" WHAT_NEXT;
    return "Runs in the background" WHAT_NEXT;
}

cJSON *execute_begin(const struct output_request *q, const struct execution_view *v)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "execution_id", v->id);
    cJSON_AddStringToObject(o, "status", execution_status_name(v->status));
    if (q->er.is_repeated)
        cJSON_AddTrueToObject(o, "repeated");
    if (v->status == EXECUTION_PENDING && v->queue_position)
        cJSON_AddNumberToObject(o, "queue_position", v->queue_position);
    return o;
}

cJSON *execute_structured(const struct output_request *q, const char **ret_note)
{
    bool is_final = execution_facts_is_final(&q->facts);
    const char *note = is_final ? NULL : execute_what_next(&q->facts.view);
    cJSON *o = execute_begin(q, &q->facts.view);
    if (note)
        cJSON_AddStringToObject(o, "message", note);
    waiting_add(o, &q->facts);
    execution_add_end(o, &q->facts, true);
    *ret_note = note;
    return o;
}
