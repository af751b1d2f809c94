#pragma once
/*
 * Where commands run: by default a directory for each session (or, without one, each principal)
 * below the state directory. Isolated commands see it as SANDBOX_WORKSPACE, own it, and may change
 * what is in it at any moment: who reads or writes there goes by file_root.h.
 */
#include "config/config.h"
#include "state/base/macro.h"

struct isolation;

struct workspace_options {
    const struct config *config;   /* borrowed */
    struct isolation *isolation;   /* borrowed; NULL: commands run as we do */
    const char *session;           /* borrowed; NULL: none */
    const char *principal;         /* borrowed */
    const char *working_directory; /* borrowed; as asked for; NULL: not */
};

/* Where the default directory is, or would be; malloc'd. */
char *workspace_path(const struct workspace_options *o);
/* The default directory on the host, made when it isn't there: *ret_home, and whose it is:
 * *ret_uid, 0: ours. With isolation it is the workspace whatever exec.working_directory says. 0 or
 * -errno. */
MUST_USE int workspace_make(const struct workspace_options *o, char **ret_home, uint64_t *ret_uid);
/* The same, where that does not matter. */
MUST_USE int workspace_home(const struct workspace_options *o, char **ret_home);
/* The directory to run in, as the command sees it, malloc'd; a relative one is below `home`. NULL
 * and a malloc'd *ret_error when there is no such directory. What only the sandbox can tell, the
 * command's start does. */
char *workspace_resolve(const struct workspace_options *o, const char *home, char **ret_error);
