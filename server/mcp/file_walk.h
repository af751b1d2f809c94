#pragma once
/*
 * A walk over a directory, or over everything below it, in short steps. Links are seen and not
 * followed; what comes and goes meanwhile may or may not be seen. Owned by one request.
 */
#include <stdint.h>

#include "server/mcp/file_path.h"
#include "server/mcp/file_root.h"

/* path: from where the walk began. False: it has seen enough. */
typedef bool file_walk_fn(void *arg, const char *path, const struct stat *st);

struct file_walk_options {
    int fd; /* taken; a directory */
    bool is_recursive;
    uint64_t max_entries;
    file_walk_fn *see;
    void *arg;
};

struct file_walk;

struct file_walk *file_walk_new(const struct file_walk_options *o);
struct file_walk *file_walk_free(struct file_walk *w);
/* FILE_MORE, FILE_OK or -errno. */
MUST_USE int file_walk_step(struct file_walk *w);
/* After FILE_OK: was everything seen? Not what is deeper than FILE_DEPTH_MAX, can't be opened or is
 * behind max_entries. */
bool file_walk_is_complete(const struct file_walk *w);
