#pragma once
/* Files made and replaced in a workspace. They belong to whom the workspace belongs, and appear
 * whole or not at all. Called on HTTP threads: writes go to the page cache. */
#include "server/mcp/file_root.h"

struct file_content {
    const char *path; /* of file_path_parse(), not "" */
    const void *data;
    size_t len;
    bool appends;       /* to what is there */
    bool is_executable; /* else a file that is there keeps its mode */
    uint64_t max_bytes; /* of the whole file; 0: no limit */
};

struct file_written {
    uint64_t size;
    bool is_new;
};

/* Makes directories on the way that are missing. FILE_OK, another outcome or -errno. */
MUST_USE int file_write(const struct file_root *root, const struct file_content *c,
                        struct file_written *ret);
