#pragma once
/* How requests are told of a task: values of struct mcp_request.tell_task. Home thread. */
#include "server/mcp/request.h"
#include "server/mcp/task.h"

#define TASKS_EXTENSION "io.modelcontextprotocol/tasks"

/* tools/call: it was created. */
void task_tell_created(struct mcp_request *rq, struct mcp_task *t);
/* tasks/get */
void task_tell(struct mcp_request *rq, struct mcp_task *t);
/* tasks/update and tasks/cancel of 2026-07-28: nothing but that it was done. */
void task_tell_done(struct mcp_request *rq, struct mcp_task *t);
/* tasks/cancel of 2025-11-25 */
void task_tell_cancelled(struct mcp_request *rq, struct mcp_task *t);
/* tasks/result: what the call would have been answered with. */
void task_tell_result(struct mcp_request *rq, struct mcp_task *t);

/* Adds the members of a Task of 2025-11-25. */
void task_add_experimental(cJSON *o, const struct mcp_task *t);
/* Adds the members of a DetailedTask; takes from t what it takes. */
void task_add_detailed(cJSON *o, struct mcp_task *t);
/* Did the client declare the extension for this request (2026-07-28)? */
bool request_declares_tasks(const struct mcp_request *rq);
/* -32021: it did not, and the request needs it. */
void request_fail_no_tasks(struct mcp_request *rq);
