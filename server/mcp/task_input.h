#pragma once
/*
 * Input that a task's client is asked for: one request at a time, a form with one line of text,
 * whose answer is written to the execution's stdin. Its key counts what was written before, so that
 * an answered key never comes again, whichever replica is asked and whoever wrote. Clients that
 * can't be asked, and secrets unless tasks.ask_secrets allows them, leave the task working, with a
 * status message that says what to do.
 */
#include "server/mcp/execution_json.h"
#include "server/mcp/task.h"

/* What of it this request's client is told. */
enum task_input { TASK_INPUT_NONE, TASK_INPUT_ASKED, TASK_INPUT_TOLD };
enum task_input task_input_of(const struct mcp_request *rq, const struct config *c,
                              const struct execution_view *v);
/* ASKED: key -> request. */
cJSON *task_input_requests(const struct config *c, const struct execution_view *v);
/* TOLD: what to do, for statusMessage. */
const char *task_input_message(const struct execution_view *v);
/* ASKED: the answer to that, put into a CALL_STDIN. 1: there is one; 0: there is none; else
 * *ret_error (static) says what is wrong with it. */
int task_input_take(const struct execution_view *v, const cJSON *responses, struct call *c,
                    const char **ret_error);
