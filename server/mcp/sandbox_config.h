#pragma once
/* The argument sandbox_config: narrows what the operator grants, never widens it. */
#include "server/mcp/arguments.h"
#include "state/execution.h"

extern const struct arg_set sandbox_arguments;

/* Narrows *limits by the checked object (NULL: nothing asked). NULL, or a malloc'd error: more than
 * the operator grants, or isolation that this server does not have. */
MUST_USE char *sandbox_config_apply(const cJSON *o, struct execution_limits *limits);
