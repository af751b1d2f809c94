#pragma once
/*
 * Paths that a call names for its sandbox. "~" is the workspace, and so is what a relative path is
 * below; *, ? and [ ] match within one name. Commands of the same workspace may change what is in
 * it, and in what else they can write, at any moment: there no symbolic link is followed, and what
 * was found is told by device and inode too, so that it can be compared with what was mounted.
 */
#include "config/config.h"
#include "state/base/macro.h"

#define SANDBOX_TARGETS_MAX 256u /* of one call */

struct sandbox_scope {
    const struct config_profile *profile; /* borrowed */
    const char *home;                     /* borrowed; the workspace on the host */
};

/* What the profile makes of a path. */
enum sandbox_place {
    SANDBOX_PLACE_NONE,     /* it isn't there inside, or private to the command */
    SANDBOX_PLACE_READABLE, /* below read_only */
    SANDBOX_PLACE_WRITABLE, /* the workspace, or below writable */
    SANDBOX_PLACE_ROOT      /* below allow_write_roots */
};

struct sandbox_target {
    enum sandbox_place place;
    char *path; /* owned; in the sandbox */
    bool is_directory;
    uint64_t dev, ino;
};

struct sandbox_targets {
    struct sandbox_target *v; /* owned */
    size_t n;
    size_t looked_at; /* names, by patterns */
    bool is_above;    /* one is not there itself, but what the profile grants lies below it */
};
void sandbox_targets_deinit(struct sandbox_targets *t);

/* Adds what `text` stands for: one, or with a pattern any number; what isn't there is left out.
 * NULL, or a malloc'd rest of a sentence that begins with the path: "is a symbolic link …". */
MUST_USE char *sandbox_path_find(const struct sandbox_scope *s, const char *text,
                                 struct sandbox_targets *ret);
