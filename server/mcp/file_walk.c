#include "server/mcp/file_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "state/base/fd.h"

#define ENTRIES_PER_STEP 500 /* each costs a system call: about a millisecond in all */

struct level {
    DIR *dir;        /* owned */
    size_t path_len; /* of the walk's path in it */
};

struct file_walk {
    struct file_walk_options o; /* fd: -1 once it is a level's */
    struct level levels[FILE_DEPTH_MAX];
    size_t depth;
    uint64_t n_seen;
    bool is_partial;
    char path[FILE_PATH_MAX + 1];
};

/* fd: taken. */
static int enter(struct file_walk *w, int fd, size_t path_len)
{
    DIR *dir = fdopendir(fd);

    if (!dir) {
        int e = errno;
        fd_closep(&fd);
        return -e;
    }
    w->levels[w->depth++] = (struct level){.dir = dir, .path_len = path_len};
    return 0;
}

struct file_walk *file_walk_new(const struct file_walk_options *o)
{
    struct file_walk *w = xcalloc(1, sizeof(*w));

    w->o = *o;
    return w;
}

struct file_walk *file_walk_free(struct file_walk *w)
{
    if (!w)
        return NULL;
    fd_closep(&w->o.fd);
    while (w->depth > 0)
        (void)closedir(w->levels[--w->depth].dir);
    free(w);
    return NULL;
}

bool file_walk_is_complete(const struct file_walk *w)
{
    return !w->is_partial;
}

/* The path of an entry; false: too long for us. */
static bool set_name(struct file_walk *w, size_t len, const char *name, size_t *ret_len)
{
    size_t n = strlen(name), begin = len > 0 ? len + 1 : 0;

    if (begin + n > FILE_PATH_MAX)
        return false;
    if (len > 0)
        w->path[len] = '/';
    memcpy(w->path + begin, name, n + 1);
    *ret_len = begin + n;
    return true;
}

static void descend(struct file_walk *w, int parent, const char *name, size_t len)
{
    int fd = -1;

    if (w->depth < FILE_DEPTH_MAX)
        fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || enter(w, fd, len) < 0)
        w->is_partial = true;
}

/* False: the walk is over. */
static bool see(struct file_walk *w, const struct level *level, const char *name)
{
    struct stat st;
    size_t len;

    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return true;
    if (w->n_seen++ >= w->o.max_entries) {
        w->is_partial = true;
        return false;
    }
    if (!set_name(w, level->path_len, name, &len)) {
        w->is_partial = true;
        return true;
    }
    if (fstatat(dirfd(level->dir), name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return true; /* gone meanwhile */
    if (!w->o.see(w->o.arg, w->path, &st))
        return false;
    if (w->o.is_recursive && S_ISDIR(st.st_mode))
        descend(w, dirfd(level->dir), name, len);
    return true;
}

int file_walk_step(struct file_walk *w)
{
    if (w->o.fd >= 0) {
        int r = enter(w, TAKE_FD(w->o.fd), 0);
        if (r < 0)
            return r;
    }
    for (int i = 0; i < ENTRIES_PER_STEP; i++) {
        if (w->depth == 0)
            return FILE_OK;
        const struct level *level = &w->levels[w->depth - 1];
        const struct dirent *entry = readdir(level->dir);
        if (!entry) {
            (void)closedir(level->dir);
            w->depth--;
        } else if (!see(w, level, entry->d_name)) {
            return FILE_OK;
        }
    }
    return FILE_MORE;
}
