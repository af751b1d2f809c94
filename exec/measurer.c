#include "exec/measurer.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>

#include <sys/stat.h>

#include "state/base/fd.h"

#define DEPTH_MAX 128 /* what lies deeper is not counted: each level holds a descriptor */

struct measurer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    _Atomic bool is_running;
    /* guarded by lock */
    struct measured *v; /* owned; NULL: nothing asked */
    size_t n;
    bool is_done;
};

static uint64_t walk(int dir_fd, dev_t dev, unsigned depth, const _Atomic bool *is_wanted)
{
    uint64_t bytes = 0;
    DIR *d = fdopendir(dir_fd); /* takes it */

    if (!d) {
        (void)close(dir_fd);
        return 0;
    }
    for (const struct dirent *e; *is_wanted && (e = readdir(d));) {
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        /* A hard link counts each time: it is no way to look small. */
        bytes += (uint64_t)st.st_blocks * 512;
        if (!S_ISDIR(st.st_mode) || st.st_dev != dev || depth == DEPTH_MAX)
            continue;
        int fd = openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0)
            bytes += walk(fd, dev, depth + 1, is_wanted);
    }
    (void)closedir(d);
    return bytes;
}

uint64_t measurer_walk(const char *path, const _Atomic bool *is_wanted)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0)
        return walk(fd, st.st_dev, 0, is_wanted);
    fd_closep(&fd);
    return 0;
}

static void *run(void *arg)
{
    struct measurer *m = arg;
    pthread_mutex_lock(&m->lock);
    while (m->is_running) {
        if (!m->v || m->is_done) {
            pthread_cond_wait(&m->wake, &m->lock);
            continue;
        }
        struct measured *v = m->v;
        size_t n = m->n;
        pthread_mutex_unlock(&m->lock);
        for (size_t i = 0; i < n; i++)
            v[i].bytes = measurer_walk(v[i].path, &m->is_running);
        pthread_mutex_lock(&m->lock);
        m->is_done = true;
    }
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

static struct measurer *release(struct measurer *m)
{
    measured_free(m->v, m->n);
    pthread_mutex_destroy(&m->lock);
    pthread_cond_destroy(&m->wake);
    free(m);
    return NULL;
}

int measurer_new(struct measurer **ret)
{
    struct measurer *m = xcalloc(1, sizeof(*m));
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->wake, NULL);
    m->is_running = true;
    int r = -pthread_create(&m->thread, NULL, run, m);
    if (r < 0)
        release(m);
    else
        *ret = m;
    return r;
}

struct measurer *measurer_free(struct measurer *m)
{
    if (!m)
        return NULL;
    pthread_mutex_lock(&m->lock);
    m->is_running = false;
    pthread_cond_signal(&m->wake);
    pthread_mutex_unlock(&m->lock);
    pthread_join(m->thread, NULL);
    return release(m);
}

bool measurer_ask(struct measurer *m, struct measured *v, size_t n)
{
    pthread_mutex_lock(&m->lock);
    bool is_free = !m->v;
    if (is_free) {
        m->v = v;
        m->n = n;
        m->is_done = false;
        pthread_cond_signal(&m->wake);
    }
    pthread_mutex_unlock(&m->lock);
    return is_free;
}

bool measurer_take(struct measurer *m, struct measured **ret_v, size_t *ret_n)
{
    pthread_mutex_lock(&m->lock);
    bool is_done = m->v && m->is_done;
    if (is_done) {
        *ret_v = m->v;
        *ret_n = m->n;
        m->v = NULL;
        m->n = 0;
    }
    pthread_mutex_unlock(&m->lock);
    return is_done;
}

void measured_free(struct measured *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(v[i].path);
    free(v);
}
