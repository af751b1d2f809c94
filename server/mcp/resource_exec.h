#pragma once
/* Executions as resources: their output, status and files, and exec://help. */
#include "server/mcp/exec_request.h"

extern const char resource_exec_templates[]; /* JSON */
void resource_exec_list(struct mcp_request *rq, const char *cursor, void *pack_arg);
bool resource_exec_read(struct mcp_request *rq, const char *uri, void *pack_arg);
bool resource_exec_complete(struct mcp_request *rq, const cJSON *params, void *pack_arg);
