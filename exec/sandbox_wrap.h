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
#include "state/strv.h"

#define SANDBOX_WORKSPACE "/workspace"

enum sandbox_mount { SANDBOX_READ_ONLY, SANDBOX_WRITABLE, SANDBOX_HIDDEN };

struct sandbox_path {
    enum sandbox_mount how;
    bool is_directory; /* of what a call asked for */
    uint64_t dev, ino; /* of the same */
    char *path;        /* owned; in the sandbox, which is the host's but below SANDBOX_WORKSPACE */
};

struct sandbox_paths {
    struct sandbox_path *v; /* owned */
    size_t n;
};
void sandbox_paths_deinit(struct sandbox_paths *p);
void sandbox_paths_add(struct sandbox_paths *p, const struct sandbox_path *path); /* a copy */
/* What lies below a hidden one is gone with it, and can't be mounted. */
void sandbox_paths_drop_hidden(struct sandbox_paths *p);

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

/* Is `path` the same as `root` or below it? Both absolute, as they are written. */
bool sandbox_path_is_below(const char *path, const char *root);
/* Can a command get to what is there on the host? By permissions alone; who can't can't mount
 * anything on it either. */
bool sandbox_path_is_reachable(const char *path);
/* Can a command see the host's file of this path? */
bool sandbox_wrap_sees(const struct config_profile *p, const char *path);
