#pragma once
/* The next so many names of a listing, in order, picked while a walk sees them as they come: memory
 * is that of one page, however large the directory is. Pure. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/stat.h>

struct file_entry {
    char *path; /* owned */
    mode_t mode;
    uint64_t size;
    int64_t modified_s;
};

struct file_list {
    size_t limit;               /* entries of a page; set before the first is offered */
    const char *after;          /* borrowed: only what comes behind it; NULL: everything */
    struct file_entry *entries; /* owned; the smallest so far, the greatest of them first */
    size_t n;
    bool has_more; /* something was offered for which there was no room */
};

/* "file", "directory", "symlink" or "other". */
const char *file_kind(mode_t mode);
extern const char *const file_kinds[]; /* all of them; NULL at the end */

void file_list_offer(struct file_list *l, const char *path, const struct stat *st);
/* After the last offer: puts them in order. */
void file_list_sort(struct file_list *l);
void file_list_deinit(struct file_list *l);
