#pragma once
/* Where the keeper's program is: exec.keeper if the operator named it, else mcp-exec-keeper beside
 * this program, else the first one in PATH. Any thread. */
#include "state/base/macro.h"

/* 0; -ENOENT: nowhere. configured may be NULL. *ret is malloc'd. */
MUST_USE int keeper_path_find(const char *configured, char **ret);
