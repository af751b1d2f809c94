#pragma once
/*
 * Between executions that change and clients that follow them: which of its uris and tasks a client
 * may follow, whom of the reactor's executions somebody follows, and what the reactor's news are to
 * clients: exec://<id>/output, exec://<id>/status, and the task.
 */
#include "server/mcp/exec_request.h"

/* Of struct mcp_pack and mcp_tasks. */
void news_exec_screen(struct mcp_request *rq, cJSON *uris, cJSON *task_ids, void *pack_arg);
void news_exec_watch_resource(const char *uri, bool is_on, void *pack_arg);
void news_exec_watch_task(const char *id, bool is_on, void *pack_arg);
/* For reactor_on_list_news(); arg: struct pack_exec. */
void news_exec_tell_list(void *arg, const char *principal);
/* reactor_news_fn; arg: struct pack_exec. */
void news_exec_tell(void *arg, const char *principal, const struct execution_view *v,
                    unsigned what);
