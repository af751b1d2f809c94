#pragma once
/*
 * From a profile, and what a call makes narrower, to the arguments of bwrap. Looks at the file
 * system, changes nothing; any thread.
 *
 * The order of what is mounted follows from the paths: parents before what lies below them, so that
 * a path below a writable one can be read-only again, and the reverse. Hidden ones come after what
 * is granted at the same path; what a call asked for comes last.
 */
#include "config/config.h"
#include "exec/sandbox_paths.h"
#include "state/strv.h"

#define SANDBOX_WORKSPACE "/workspace"

struct sandbox_wrap {
    const struct config_profile *profile;
    const char *bwrap;     /* absolute path */
    const char *workspace; /* where bwrap finds it */
    /* Of the service: hidden if they lie in something that is granted. NULL: there is none. */
    const char *state_dir, *config_file;
    const struct sandbox_paths *asked; /* by the call; may be NULL */
};

/* The caller's. */
char **sandbox_wrap_make(const struct sandbox_wrap *w);

/* Can a command see the host's file of this path? */
bool sandbox_wrap_sees(const struct config_profile *p, const char *path);
