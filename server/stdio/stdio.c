#include "server/stdio/stdio.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include <sys/eventfd.h>

#include "server/stdio/stdio_impl.h"
#include "state/base/fd.h"
#include "state/base/log.h"

#define CHUNK_BYTES (64u * 1024)
/* What was answered gets so long to leave. */
#define FLUSH_MS 2000u

/* ---- handing lines over: the reader waits until the home took one ---- */

static void next_please(struct stdio *s)
{
    pthread_mutex_lock(&s->lock);
    s->is_taken = true;
    pthread_cond_signal(&s->taken);
    pthread_mutex_unlock(&s->lock);
}

/* Reads on, unless the client has too much to read itself. */
static void go_on(struct stdio *s)
{
    if (pipe_writer_queued(s->writer) >= s->o.config->max_stream_buffer_bytes)
        s->is_paused = true;
    else
        next_please(s);
}

static void on_line(void *arg)
{
    struct stdio *s = arg;
    stdio_on_line(s, s->splitter.line.data, s->splitter.line.len);
    go_on(s);
}

static void on_long_line(void *arg)
{
    stdio_on_long_line(arg);
    go_on(arg);
}

static void on_closed(void *arg)
{
    stdio_on_closed(arg);
}

/* False: it is to stop. */
static bool hand_over(struct stdio *s, void (*fn)(void *arg))
{
    s->is_taken = false; /* the home has none of ours */
    home_post(s->home, fn, s);
    pthread_mutex_lock(&s->lock);
    while (!s->is_taken && !s->is_stopping)
        pthread_cond_wait(&s->taken, &s->lock);
    bool is_stopping = s->is_stopping;
    pthread_mutex_unlock(&s->lock);
    return !is_stopping;
}

/* ---- the reader ---- */

/* Bytes read; 0: there are no more; -1: it is to stop. */
static ssize_t read_chunk(struct stdio *s, char *chunk)
{
    for (;;) {
        struct pollfd p[] = {{.fd = s->o.in_fd, .events = POLLIN},
                             {.fd = s->stop_fd, .events = POLLIN}};
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            return 0;
        if (p[1].revents)
            return -1;
        if (!p[0].revents)
            continue;
        ssize_t n = read(s->o.in_fd, chunk, CHUNK_BYTES);
        if (n >= 0)
            return n;
        if (errno != EAGAIN && errno != EINTR)
            return 0;
    }
}

static bool split(struct stdio *s, const char *data, size_t len)
{
    for (;;) {
        enum line_outcome o = line_splitter_next(&s->splitter, &data, &len);
        if (o == LINE_NEEDS_MORE)
            return true;
        if (!hand_over(s, o == LINE_READY ? on_line : on_long_line))
            return false;
    }
}

static void *read_all(void *arg)
{
    struct stdio *s = arg;
    CLEANUP(free_p) char *chunk = xcalloc(1, CHUNK_BYTES);
    ssize_t n;

    while ((n = read_chunk(s, chunk)) > 0)
        if (!split(s, chunk, (size_t)n))
            return NULL;
    if (n < 0)
        return NULL;
    if (line_splitter_end(&s->splitter) == LINE_READY && !hand_over(s, on_line))
        return NULL;
    LOG_INFO("stdio_closed");
    home_post(s->home, on_closed, s);
    return NULL;
}

/* ---- the writer's news ---- */

static void resume(void *arg)
{
    struct stdio *s = arg;
    if (!s->is_paused)
        return;
    s->is_paused = false;
    go_on(s);
}

static void on_room(void *arg)
{
    struct stdio *s = arg;
    home_post(s->home, resume, s);
}

static void broken(void *arg)
{
    struct stdio *s = arg;
    stdio_on_broken(s);
    resume(s);
}

static void on_broken(void *arg)
{
    struct stdio *s = arg;
    LOG_INFO("stdio_not_read");
    home_post(s->home, broken, s);
}

/* ---- its life ---- */

struct stdio *stdio_new(const struct stdio_options *o)
{
    struct stdio *s = xcalloc(1, sizeof(*s));

    s->o = *o;
    s->stop_fd = -1;
    s->home = pipe_home_new();
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->taken, NULL);
    list_init(&s->open);
    line_splitter_init(&s->splitter, o->config->max_body_bytes);
    return s;
}

int stdio_start(struct stdio *s)
{
    const struct pipe_writer_events ev = {.mark = s->o.config->max_stream_buffer_bytes,
                                          .on_room = on_room,
                                          .on_broken = on_broken,
                                          .arg = s};

    s->stop_fd = eventfd(0, EFD_CLOEXEC);
    int r = s->stop_fd < 0 ? -errno : pipe_writer_new(s->o.out_fd, &ev, &s->writer);
    if (r == 0)
        r = pipe_home_start(s->home);
    if (r == 0)
        r = -pthread_create(&s->reader, NULL, read_all, s);
    s->is_reading = r == 0;
    return r;
}

unsigned stdio_open_requests(const struct stdio *s)
{
    return atomic_load(&s->n_requests);
}

static void stop_reader(struct stdio *s)
{
    if (!s->is_reading)
        return;
    pthread_mutex_lock(&s->lock);
    s->is_stopping = true;
    pthread_cond_signal(&s->taken);
    pthread_mutex_unlock(&s->lock);
    (void)eventfd_write(s->stop_fd, 1);
    pthread_join(s->reader, NULL);
    s->is_reading = false;
}

static void tell_all_gone(void *arg)
{
    stdio_tell_all_gone(arg);
}

void stdio_stop(struct stdio *s)
{
    stop_reader(s);
    home_post(s->home, tell_all_gone, s);
    pipe_home_stop(s->home);
    if (s->writer)
        pipe_writer_stop(s->writer, FLUSH_MS);
}

struct stdio *stdio_free(struct stdio *s)
{
    if (!s)
        return NULL;
    s->home = pipe_home_free(s->home);
    s->writer = pipe_writer_free(s->writer);
    line_splitter_deinit(&s->splitter);
    free(s->session);
    fd_closep(&s->stop_fd);
    pthread_cond_destroy(&s->taken);
    pthread_mutex_destroy(&s->lock);
    free(s);
    return NULL;
}
