#include "state/mirror_hasher.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include <sys/eventfd.h>

#include <event2/event.h>

#include "state/base/fd.h"
#include "state/base/list.h"

/* Between two looks at whether it is still wanted. */
#define STEP_BYTES (1u << 20)

struct job {
    struct list link;
    char id[EXECUTION_ID_MAX + 1];
    struct journal_sums sums;
    bool has_sums;
};

struct mirror_hasher {
    struct mirror_hasher_options o;
    struct event *on_done; /* owned */
    int event_fd;          /* owned; readable when something is done */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    _Atomic bool is_running;
    struct list asked, done; /* owned, guarded by lock */
};

/* ---- the thread ---- */

static bool hash(const struct mirror_hasher *h, const char *id, struct journal_sums *ret)
{
    CLEANUP(journal_summing_freep) struct journal_summing *s = NULL;
    int r = journal_summing_new(h->o.state_dir, id, 0, &s);

    if (r == 0) {
        do
            r = journal_summing_step(s, STEP_BYTES, ret);
        while (r == 1 && h->is_running);
    }
    return r == 0;
}

static void *run(void *arg)
{
    struct mirror_hasher *h = arg;

    pthread_mutex_lock(&h->lock);
    while (h->is_running) {
        struct list *l = list_first(&h->asked);
        if (!l) {
            pthread_cond_wait(&h->wake, &h->lock);
            continue;
        }
        struct job *j = CONTAINER_OF(l, struct job, link);
        list_remove(l);
        pthread_mutex_unlock(&h->lock);
        j->has_sums = hash(h, j->id, &j->sums);
        pthread_mutex_lock(&h->lock);
        list_append(&h->done, l);
        (void)!eventfd_write(h->event_fd, 1); /* fails when it is readable anyway */
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

/* ---- the reactor ---- */

static void free_jobs(struct list *jobs)
{
    list_for_each_safe (l, next, jobs) {
        list_remove(l);
        free(CONTAINER_OF(l, struct job, link));
    }
}

static void on_done(evutil_socket_t fd, short what, void *arg)
{
    struct mirror_hasher *h = arg;
    struct list done;
    eventfd_t count;

    (void)!eventfd_read(fd, &count);
    list_init(&done);
    pthread_mutex_lock(&h->lock);
    list_move_all(&h->done, &done);
    pthread_mutex_unlock(&h->lock);
    list_for_each (l, &done) {
        const struct job *j = CONTAINER_OF(l, const struct job, link);
        h->o.done(h->o.arg, j->id, j->has_sums ? &j->sums : NULL);
    }
    free_jobs(&done);
}

static void release(struct mirror_hasher *h)
{
    if (h->on_done)
        event_free(h->on_done);
    fd_closep(&h->event_fd);
    free_jobs(&h->asked);
    free_jobs(&h->done);
    pthread_mutex_destroy(&h->lock);
    pthread_cond_destroy(&h->wake);
    free(h);
}

static int start(struct mirror_hasher *h)
{
    h->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (h->event_fd < 0)
        return -errno;
    h->on_done = event_new(h->o.base, h->event_fd, EV_READ | EV_PERSIST, on_done, h);
    if (!h->on_done || event_add(h->on_done, NULL) < 0)
        return -ENOMEM;
    h->is_running = true;
    return -pthread_create(&h->thread, NULL, run, h);
}

int mirror_hasher_new(const struct mirror_hasher_options *o, struct mirror_hasher **ret)
{
    struct mirror_hasher *h = xcalloc(1, sizeof(*h));
    h->o = *o;
    list_init(&h->asked);
    list_init(&h->done);
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->wake, NULL);
    int r = start(h);
    if (r < 0)
        release(h);
    else
        *ret = h;
    return r;
}

struct mirror_hasher *mirror_hasher_free(struct mirror_hasher *h)
{
    if (!h)
        return NULL;
    pthread_mutex_lock(&h->lock);
    h->is_running = false;
    pthread_cond_signal(&h->wake);
    pthread_mutex_unlock(&h->lock);
    pthread_join(h->thread, NULL);
    release(h);
    return NULL;
}

void mirror_hasher_ask(struct mirror_hasher *h, const char *id)
{
    struct job *j = xcalloc(1, sizeof(*j));
    (void)strncpy(j->id, id, sizeof(j->id) - 1);
    pthread_mutex_lock(&h->lock);
    list_append(&h->asked, &j->link);
    pthread_cond_signal(&h->wake);
    pthread_mutex_unlock(&h->lock);
}
