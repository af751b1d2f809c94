#pragma once
/* Where commands run: by default a directory for each session (or, without one, each principal)
 * below the state directory. */
#include "config/config.h"
#include "state/base/macro.h"

struct workspace_options {
    const struct config *config;   /* borrowed */
    const char *session;           /* borrowed; NULL: none */
    const char *principal;         /* borrowed */
    const char *working_directory; /* borrowed; as asked for; NULL: not */
};

/* Where the default directory is, or would be; malloc'd. */
char *workspace_path(const struct workspace_options *o);
/* The default directory, made when it isn't there: *ret_home. 0 or -errno. */
MUST_USE int workspace_home(const struct workspace_options *o, char **ret_home);
/* The directory to run in, malloc'd; a relative one is below `home`. NULL and a malloc'd *ret_error
 * when there is no such directory. */
char *workspace_resolve(const struct workspace_options *o, const char *home, char **ret_error);
