#pragma once
/* Prompts: how to go about the usual work with the tools. */
#include "server/mcp/pack.h"

extern const struct mcp_prompt prompt_exec_list[];
extern const size_t prompt_exec_count;
