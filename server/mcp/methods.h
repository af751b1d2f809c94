#pragma once
/* Handlers of the methods table (dispatch.c), by file. */
#include "server/mcp/request.h"

/* greet.c */
void method_initialize(struct mcp_request *rq);
void method_discover(struct mcp_request *rq);
void method_ping(struct mcp_request *rq);
void method_set_level(struct mcp_request *rq);
void method_subscribe(struct mcp_request *rq);
void method_unsubscribe(struct mcp_request *rq);

/* lists.c */
void method_list_tools(struct mcp_request *rq);
void method_list_prompts(struct mcp_request *rq);
void method_list_templates(struct mcp_request *rq);
void method_list_resources(struct mcp_request *rq);
void adapt_list_resources(struct mcp_request *rq, cJSON *result);

/* invoke.c */
void method_call_tool(struct mcp_request *rq);
void method_get_prompt(struct mcp_request *rq);
void method_read_resource(struct mcp_request *rq);
void method_complete(struct mcp_request *rq);

/* task_methods.c */
void method_get_task(struct mcp_request *rq);
void method_update_task(struct mcp_request *rq);
void method_cancel_task(struct mcp_request *rq);
void method_task_result(struct mcp_request *rq);
void method_list_tasks(struct mcp_request *rq);

/* listen.c */
void method_listen(struct mcp_request *rq);
