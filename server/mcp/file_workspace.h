#pragma once
/* The workspace of a session (or principal), and that of an execution, as a place to look for files
 * in. Any thread. */
#include "server/mcp/exec_request.h"
#include "server/mcp/file_root.h"

/* Of who asks; made when it isn't there. *ret_home: where it is, malloc'd. FILE_OK, another outcome
 * or -errno. */
MUST_USE int file_workspace_open(const struct pack_exec *p, const struct mcp_request *rq,
                                 struct file_root *ret, char **ret_home);
/* Where an execution began. FILE_E_GONE: it was removed; FILE_E_ELSEWHERE: another replica has it.
 */
MUST_USE int file_workspace_of(const struct config *c, const char *id, struct file_root *ret,
                               char **ret_home);
