#pragma once
/*
 * What is granted, made narrower and hidden in a sandbox, by path. Looks at the file system,
 * changes nothing; any thread.
 */
#include "config/config.h"
#include "state/base/macro.h"

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

/* Is `path` the same as `root` or below it? Both absolute, as they are written. */
bool sandbox_path_is_below(const char *path, const char *root);
/* Can a command get to what is there on the host? By permissions alone; who can't can't mount
 * anything on it either. */
bool sandbox_path_is_reachable(const char *path);
/* Where `secret` can be seen in what is bound from `source` to `inside`; the caller's. NULL:
 * nowhere. Both are real paths: by another name, or through a link, it would be seen as well. */
char *sandbox_path_shown(const char *source, const char *inside, const char *secret);
