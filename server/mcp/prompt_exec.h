#pragma once
/* Prompts: how to go about the usual work with the tools. */
#include "server/mcp/pack.h"

extern const struct mcp_prompt prompt_exec_list[];
extern const size_t prompt_exec_count;

/* completion/complete: commands of the caller's own executions; for an interactive session the
 * programs there are. False: it is about none of these prompts. */
bool prompt_exec_complete(struct mcp_request *rq, const cJSON *params, void *pack_arg);
