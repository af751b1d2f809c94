#pragma once
/*
 * The argument sandbox_config: narrows what the operator grants, never widens it. What goes beyond
 * is refused with the configuration key that would allow it.
 */
#include "server/mcp/arguments.h"
#include "server/mcp/sandbox_path.h"
#include "state/execution.h"
#include "state/spec_sandbox.h"

struct sandbox_paths;

extern const struct arg_set sandbox_arguments;

/* All take the checked object, NULL: nothing asked, and return NULL or a malloc'd error. */

/* scope NULL: commands are not isolated, so nothing but limits may be asked for. */
MUST_USE char *sandbox_config_limits(const cJSON *o, const struct sandbox_scope *scope,
                                     struct execution_limits *limits);
/* Adds to *ret_paths what is to be mounted besides. */
MUST_USE char *sandbox_config_paths(const cJSON *o, const struct sandbox_scope *scope,
                                    struct sandbox_paths *ret_paths);
/* Narrows whom it may reach. */
MUST_USE char *sandbox_config_network(const cJSON *o, const struct sandbox_scope *scope,
                                      struct spec_sandbox *s);
