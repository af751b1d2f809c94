#include "server/stdio/pipe_writer.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <time.h>

#include <sys/eventfd.h>
#include <sys/socket.h>

#include "state/base/buf.h"
#include "state/base/clock.h"
#include "state/base/fd.h"

/* POLLOUT promises room for as much, pipe(7); so that a write never waits in the kernel, and the
 * descriptor, which others may share, need not be made non-blocking. */
#define PIECE_MAX PIPE_BUF

struct pipe_writer {
    int fd;      /* borrowed */
    int stop_fd; /* owned: an eventfd */
    struct pipe_writer_events ev;
    pthread_t thread;
    bool is_started;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct buf queue;                     /* lock */
    size_t taken;                         /* lock: of the queue, being written */
    bool is_full, is_broken, is_stopping; /* lock */
    struct buf writing;                   /* its thread */
};

static void mark_broken(struct pipe_writer *w)
{
    pthread_mutex_lock(&w->lock);
    w->is_broken = true;
    buf_deinit(&w->queue);
    w->taken = 0;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
    w->ev.on_broken(w->ev.arg);
}

/* What is queued, all of it at once. False: it is to stop. */
static bool take(struct pipe_writer *w)
{
    pthread_mutex_lock(&w->lock);
    while (w->queue.len == 0 && !w->is_stopping)
        pthread_cond_wait(&w->changed, &w->lock);
    bool has_some = w->queue.len > 0;
    w->writing = w->queue;
    w->queue = (struct buf){0};
    w->taken = w->writing.len;
    pthread_mutex_unlock(&w->lock);
    return has_some;
}

static void note_written(struct pipe_writer *w, size_t n)
{
    pthread_mutex_lock(&w->lock);
    w->taken -= n;
    bool has_room = w->is_full && w->taken + w->queue.len < w->ev.mark;
    if (has_room)
        w->is_full = false;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
    if (has_room)
        w->ev.on_room(w->ev.arg);
}

static ssize_t write_piece(int fd, const char *data, size_t len)
{
    size_t n = len < PIECE_MAX ? len : PIECE_MAX;
    ssize_t r = send(fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    return r < 0 && errno == ENOTSOCK ? write(fd, data, n) : r;
}

/* False: nobody reads, or it is to stop at once. */
static bool write_all(struct pipe_writer *w)
{
    for (size_t done = 0; done < w->writing.len;) {
        struct pollfd p[] = {{.fd = w->fd, .events = POLLOUT},
                             {.fd = w->stop_fd, .events = POLLIN}};
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            return false;
        if (p[1].revents)
            return false;
        if (!p[0].revents)
            continue;
        ssize_t n = write_piece(w->fd, w->writing.data + done, w->writing.len - done);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (n < 0)
            return false;
        done += (size_t)n;
        note_written(w, (size_t)n);
    }
    return true;
}

static void *run(void *arg)
{
    struct pipe_writer *w = arg;
    bool is_well = true;

    while (is_well && take(w)) {
        is_well = write_all(w);
        buf_deinit(&w->writing);
    }
    if (!is_well)
        mark_broken(w);
    return NULL;
}

int pipe_writer_new(int fd, const struct pipe_writer_events *ev, struct pipe_writer **ret)
{
    struct pipe_writer *w = xcalloc(1, sizeof(*w));
    pthread_condattr_t attr;

    w->fd = fd;
    w->ev = *ev;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->changed, &attr);
    pthread_condattr_destroy(&attr);
    w->stop_fd = eventfd(0, EFD_CLOEXEC);
    int r = w->stop_fd < 0 ? errno : pthread_create(&w->thread, NULL, run, w);
    w->is_started = r == 0;
    if (r != 0)
        pipe_writer_free(w);
    else
        *ret = w;
    return -r;
}

void pipe_writer_line(struct pipe_writer *w, const char *text, size_t len)
{
    pthread_mutex_lock(&w->lock);
    if (!w->is_broken) {
        buf_append(&w->queue, text, len);
        buf_append_char(&w->queue, '\n');
        w->is_full = w->is_full || w->taken + w->queue.len >= w->ev.mark;
        pthread_cond_broadcast(&w->changed);
    }
    pthread_mutex_unlock(&w->lock);
}

size_t pipe_writer_queued(struct pipe_writer *w)
{
    pthread_mutex_lock(&w->lock);
    size_t n = w->taken + w->queue.len;
    pthread_mutex_unlock(&w->lock);
    return n;
}

/* Until nothing is queued, nobody reads, or the time is over. */
static void wait_empty(struct pipe_writer *w, unsigned ms)
{
    uint64_t end = clock_mono_ms() + ms;
    struct timespec at = {.tv_sec = (time_t)(end / 1000), .tv_nsec = (long)(end % 1000) * 1000000};
    int r = 0;

    pthread_mutex_lock(&w->lock);
    while (r == 0 && !w->is_broken && w->taken + w->queue.len > 0)
        r = pthread_cond_timedwait(&w->changed, &w->lock, &at);
    w->is_stopping = true;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

void pipe_writer_stop(struct pipe_writer *w, unsigned ms)
{
    if (!w->is_started)
        return;
    wait_empty(w, ms);
    (void)eventfd_write(w->stop_fd, 1);
    pthread_join(w->thread, NULL);
    w->is_started = false;
}

struct pipe_writer *pipe_writer_free(struct pipe_writer *w)
{
    if (!w)
        return NULL;
    assert(!w->is_started);
    buf_deinit(&w->queue);
    buf_deinit(&w->writing);
    fd_closep(&w->stop_fd);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    free(w);
    return NULL;
}
