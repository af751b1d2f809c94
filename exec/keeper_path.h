#pragma once
/* Where other programs are: where the operator says, else beside this program (those of ours), else
 * the first one in PATH. Any thread. */
#include "state/base/macro.h"

/* 0; -ENOENT: nowhere. configured may be NULL. *ret is malloc'd. */
MUST_USE int program_find(const char *name, const char *configured, char **ret);
/* mcp-exec-keeper, exec.keeper. */
MUST_USE int keeper_path_find(const char *configured, char **ret);
