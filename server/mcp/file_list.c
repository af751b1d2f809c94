/* The page is a heap with its greatest entry on top: what is smaller takes that one's place. */
#include "server/mcp/file_list.h"

#include <stdlib.h>

#include "server/mcp/file_path.h"
#include "state/base/macro.h"

const char *const file_kinds[] = {"file", "directory", "symlink", "other", NULL};

const char *file_kind(mode_t mode)
{
    return file_kinds[S_ISREG(mode) ? 0 : S_ISDIR(mode) ? 1 : S_ISLNK(mode) ? 2 : 3];
}

static bool is_less(const struct file_entry *a, const struct file_entry *b)
{
    return file_path_compare(a->path, b->path) < 0;
}

static void swap(struct file_entry *a, struct file_entry *b)
{
    struct file_entry t = *a;

    *a = *b;
    *b = t;
}

static void sift_up(struct file_list *l, size_t i)
{
    for (size_t parent; i > 0 && is_less(&l->entries[parent = (i - 1) / 2], &l->entries[i]);
         i = parent)
        swap(&l->entries[parent], &l->entries[i]);
}

static void sift_down(struct file_list *l)
{
    for (size_t i = 0, child; (child = 2 * i + 1) < l->n; i = child) {
        if (child + 1 < l->n && is_less(&l->entries[child], &l->entries[child + 1]))
            child++;
        if (!is_less(&l->entries[i], &l->entries[child]))
            return;
        swap(&l->entries[i], &l->entries[child]);
    }
}

static struct file_entry entry_of(const char *path, const struct stat *st)
{
    return (struct file_entry){.path = xstrdup(path),
                               .mode = st->st_mode,
                               .size = (uint64_t)st->st_size,
                               .modified_s = st->st_mtim.tv_sec};
}

void file_list_offer(struct file_list *l, const char *path, const struct stat *st)
{
    if (l->after && file_path_compare(path, l->after) <= 0)
        return;
    if (!l->entries)
        l->entries = xcalloc(l->limit, sizeof(*l->entries));
    if (l->n < l->limit) {
        l->entries[l->n++] = entry_of(path, st);
        return sift_up(l, l->n - 1);
    }
    l->has_more = true;
    if (file_path_compare(path, l->entries[0].path) >= 0)
        return;
    free(l->entries[0].path);
    l->entries[0] = entry_of(path, st);
    sift_down(l);
}

static int by_path(const void *a, const void *b)
{
    const struct file_entry *x = a, *y = b;

    return file_path_compare(x->path, y->path);
}

void file_list_sort(struct file_list *l)
{
    if (l->n > 1)
        qsort(l->entries, l->n, sizeof(*l->entries), by_path);
}

void file_list_deinit(struct file_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->entries[i].path);
    free(l->entries);
    *l = (struct file_list){0};
}
