#include "exec/janitor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <sys/stat.h>

#include "state/base/fd.h"
#include "state/base/log.h"

struct janitor {
    char *state_dir, *trash; /* owned */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool has_work;           /* guarded by lock */
    _Atomic bool is_running; /* false: the thread is to end; changed under lock */
    uint64_t serial;         /* names in the trash; the caller's thread only */
};

static void empty_trash(struct janitor *j)
{
    DIR *d = opendir(j->trash);
    if (!d)
        return;
    struct dirent *entry;
    while (j->is_running && (entry = readdir(d))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        CLEANUP(free_p) char *path = NULL;
        if (asprintf(&path, "%s/%s", j->trash, entry->d_name) < 0)
            abort();
        /* A command may have put anything in the place of its workspace. */
        int r = unlink(path) == 0 ? 0 : dir_remove_while(path, &j->is_running);
        if (r < 0 && r != -ECANCELED)
            LOG_WARN("trash_not_removed", LOG_STR("path", path), LOG_ERRNO(r));
    }
    closedir(d);
}

static void *run(void *arg)
{
    struct janitor *j = arg;
    pthread_mutex_lock(&j->lock);
    while (j->is_running) {
        if (!j->has_work) {
            pthread_cond_wait(&j->wake, &j->lock);
            continue;
        }
        j->has_work = false;
        pthread_mutex_unlock(&j->lock);
        empty_trash(j);
        pthread_mutex_lock(&j->lock);
    }
    pthread_mutex_unlock(&j->lock);
    return NULL;
}

static struct janitor *janitor_release(struct janitor *j)
{
    pthread_mutex_destroy(&j->lock);
    pthread_cond_destroy(&j->wake);
    free(j->state_dir);
    free(j->trash);
    free(j);
    return NULL;
}

int janitor_new(const char *state_dir, struct janitor **ret)
{
    struct janitor *j = xcalloc(1, sizeof(*j));
    pthread_mutex_init(&j->lock, NULL);
    pthread_cond_init(&j->wake, NULL);
    j->has_work = true;
    j->is_running = true;
    j->state_dir = strdup(state_dir);
    if (!j->state_dir || asprintf(&j->trash, "%s/trash", state_dir) < 0)
        abort();
    int r = dir_make(j->trash);
    if (r == 0)
        r = -pthread_create(&j->thread, NULL, run, j);
    if (r < 0) {
        janitor_release(j);
        return r;
    }
    *ret = j;
    return 0;
}

struct janitor *janitor_free(struct janitor *j)
{
    if (!j)
        return NULL;
    pthread_mutex_lock(&j->lock);
    j->is_running = false;
    pthread_cond_signal(&j->wake);
    pthread_mutex_unlock(&j->lock);
    pthread_join(j->thread, NULL);
    return janitor_release(j);
}

int janitor_discard(struct janitor *j, const char *folder, const char *name)
{
    CLEANUP(free_p) char *from = NULL;
    CLEANUP(free_p) char *to = NULL;
    if (asprintf(&from, "%s/%s/%s", j->state_dir, folder, name) < 0 ||
        asprintf(&to, "%s/%s.%llu", j->trash, name, (unsigned long long)++j->serial) < 0)
        abort();
    int r = rename(from, to);
    /* A directory that moves must be writable itself, which who used it may have changed. */
    if (r < 0 && errno == EACCES && fchmodat(AT_FDCWD, from, 0700, AT_SYMLINK_NOFOLLOW) == 0)
        r = rename(from, to);
    if (r < 0)
        return -errno;
    pthread_mutex_lock(&j->lock);
    j->has_work = true;
    pthread_cond_signal(&j->wake);
    pthread_mutex_unlock(&j->lock);
    return 0;
}
