#pragma once
/*
 * Executions as tasks: the task's id is the execution's, so that tools and tasks/… work on the same
 * thing, whichever of the two started it. Every execution of the caller is a task.
 *
 *   pending, running            working, or input_required while it waits for input
 *   completed, timeout, failed  completed: with the result that the call would have had
 *   cancelled                   cancelled
 *   lost                        failed
 */
#include "server/mcp/exec_request.h"
#include "server/mcp/task.h"

extern const struct mcp_tasks task_exec;

/* Answers a call that started something with its task, and ends the request. */
void task_exec_reply_created(struct exec_request *er, const struct execution_view *v);
