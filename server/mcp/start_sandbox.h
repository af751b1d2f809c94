#pragma once
/* How what a call starts is isolated: by the profile in force, narrowed by its sandbox_config. */
#include "server/mcp/start.h"

/* Puts the profile's limits in place of the server's; no file may exceed the workspace's quota. */
void start_profile_limits(const struct config_profile *p, uint64_t workspace_quota,
                          struct execution_limits *l);
/* Fills s->sandbox, for a command in the workspace `home` of this user. NULL, or a malloc'd error
 * for the client. */
MUST_USE char *start_isolate(struct exec_spec *s, const struct start_options *o, const char *home,
                             uint64_t uid);
