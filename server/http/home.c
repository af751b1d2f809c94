/*
 * A home's thread: posts wake it by an eventfd, everything else is h2o's loop. At the end it cuts
 * what is open and goes on until h2o has let go of every connection and nobody holds an exchange,
 * or patience ends.
 */
#include "server/http/home.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "server/http/exchange_impl.h"
#include "server/http/hangup.h"
#include "server/http/http_impl.h"
#include "server/http/listener.h"
#include "state/base/fd.h"
#include "state/base/log.h"

#define STOP_PATIENCE_MS 1000
#define STOP_ROUND_MS    20

struct post {
    struct list link;
    void (*fn)(void *arg);
    void *arg;
};

static _Thread_local const struct home *current;

bool home_is_current(const struct home *h)
{
    return current == h;
}

static void post(struct home *h, void (*fn)(void *arg), void *arg)
{
    struct post *p = xcalloc(1, sizeof *p);

    p->fn = fn;
    p->arg = arg;
    pthread_mutex_lock(&h->lock);
    bool was_empty = list_is_empty(&h->posts);
    list_append(&h->posts, &p->link);
    pthread_mutex_unlock(&h->lock);
    /* It can fail only when the counter is full, and then the home is awake anyway. */
    if (was_empty)
        (void)!eventfd_write(h->wake_fd, 1);
}

static void run_posts(struct home *h)
{
    struct list posts;

    list_init(&posts);
    pthread_mutex_lock(&h->lock);
    list_move_all(&h->posts, &posts);
    pthread_mutex_unlock(&h->lock);
    list_for_each_safe (it, next, &posts) {
        CLEANUP(free_p) struct post *p = CONTAINER_OF(it, struct post, link);
        p->fn(p->arg);
    }
}

static void on_wake(h2o_socket_t *socket, const char *err)
{
    struct home *h = socket->data;
    eventfd_t count;

    (void)!eventfd_read(h->wake_fd, &count);
    run_posts(h);
}

h2o_socket_t *home_watch_fd(struct home *h, int fd, h2o_socket_cb on_ready)
{
    h2o_socket_t *s = h2o_evloop_socket_create(h->loop, fd, H2O_SOCKET_FLAG_DONT_READ);

    s->data = h;
    h2o_socket_read_start(s, on_ready);
    return s;
}

void home_tell_gone(struct home *h, struct exchange *x)
{
    if (list_is_linked(&x->gone_link))
        return;
    list_append(&h->gone, &x->gone_link);
    exchange_ref(x);
}

static void run_gone(struct home *h)
{
    for (struct list *l; (l = list_first(&h->gone));) {
        struct exchange *x = CONTAINER_OF(l, struct exchange, gone_link);

        list_remove(l);
        exchange_run_gone(x);
        exchange_unref(x);
    }
}

static void run_once(struct home *h, int32_t max_wait_ms)
{
    /* -1 is EINTR. */
    (void)h2o_evloop_run(h->loop, max_wait_ms);
    run_gone(h);
}

static void loop_new(struct home *h)
{
    h->loop = h2o_evloop_create();
    h2o_context_init(&h->context, h->loop, &h->http->h2o);
    h->wake = home_watch_fd(h, TAKE_FD(h->wake_dup_fd), on_wake);
    h->watch = home_watch_fd(h, TAKE_FD(h->watch_fd), hangup_on_ready);
    home_timer_start(h);
    listener_start(h);
}

/* Everything that h2o leaves behind when its loop goes, as far as it can be reached: the queue of
 * the context is not freed by 2.2.5. */
static void loop_free(struct home *h)
{
    h2o_socket_close(h->wake);
    h2o_socket_close(h->watch);
    h2o_socket_close(h->timer);
    h->wake = h->watch = h->timer = NULL;
    if (h->n_connections > 0) {
        /* Only if h2o holds on to a connection whose socket is shut: its memory is left to it. */
        LOG_ERROR("http_connections_left", LOG_U64("connections", h->n_connections));
        return;
    }
    void *queue = h->context.queue;
    h2o_context_dispose(&h->context);
    free(queue);
    h2o_evloop_destroy(h->loop);
    h->loop = NULL;
}

static int shut_reading(h2o_req_t *req, void *arg)
{
    (void)shutdown(h2o_socket_get_fd(req->conn->callbacks->get_socket(req->conn)), SHUT_RD);
    return 0;
}

static int shut_both(h2o_req_t *req, void *arg)
{
    (void)shutdown(h2o_socket_get_fd(req->conn->callbacks->get_socket(req->conn)), SHUT_RDWR);
    return 0;
}

static void on_limit(void *arg)
{
    struct home *h = arg;

    h->is_limit_reached = true;
}

static void on_patience_ended(void *arg)
{
    struct home *h = arg;

    h->http->h2o.http1.callbacks.foreach_request(&h->context, shut_both, NULL);
    home_after(h, STOP_PATIENCE_MS, on_limit, h);
}

/* Finished replies may still leave: their connections end after them, since nothing can be read
 * any more. The others end now. */
static void begin_stop(struct home *h)
{
    listener_close(h);
    list_for_each_safe (it, next, &h->all) {
        struct exchange *x = CONTAINER_OF(it, struct exchange, all_link);
        if (x->phase != EXCHANGE_DONE)
            exchange_cut(x, "stop");
    }
    h->http->h2o.http1.callbacks.foreach_request(&h->context, shut_reading, NULL);
    home_timer_run_all(h);
    home_after(h, STOP_PATIENCE_MS, on_patience_ended, h);
}

static void *home_main(void *arg)
{
    struct home *h = arg;

    current = h;
    loop_new(h);
    while (!h->is_stopping)
        run_once(h, INT32_MAX);
    begin_stop(h);
    while ((h->n_connections > 0 || h->n_exchanges > 0) && !h->is_limit_reached)
        run_once(h, STOP_ROUND_MS);
    loop_free(h);
    return NULL;
}

int home_init(struct home *h, struct http *http)
{
    static const struct home_ops ops = {.post = post, .after = home_timer_add};
    *h = (struct home){.head.ops = &ops,
                       .http = http,
                       .wake_fd = -1,
                       .wake_dup_fd = -1,
                       .timer_fd = -1,
                       .watch_fd = -1};
    pthread_mutex_init(&h->lock, NULL);
    list_init(&h->posts);
    list_init(&h->all);
    list_init(&h->gone);
    list_init(&h->idle);
    list_init(&h->writing);
    for (size_t i = 0; i < HTTP_LISTENERS_MAX; i++)
        h->listener_fds[i] = -1;
    for (size_t i = 0; i < http->n_bound; i++)
        if ((h->listener_fds[i] = fcntl(http->bound[i].fd, F_DUPFD_CLOEXEC, 0)) < 0)
            return -errno;
    if ((h->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0 ||
        (h->wake_dup_fd = fcntl(h->wake_fd, F_DUPFD_CLOEXEC, 0)) < 0 ||
        (h->watch_fd = epoll_create1(EPOLL_CLOEXEC)) < 0)
        return -errno;
    return home_timer_init(h);
}

int home_start(struct home *h)
{
    sigset_t all, before;

    /* Signals are main's, and a blocked SIGPIPE makes a write to a gone client an error. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&h->thread, NULL, home_main, h);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    h->is_started = r == 0;
    return -r;
}

static void drain_here(void *arg)
{
    struct home *h = arg;

    if (h->is_draining)
        return;
    h->is_draining = true;
    listener_accept_rest(h);
    listener_close(h);
    h2o_context_request_shutdown(&h->context);
}

void home_drain(struct home *h)
{
    home_post(h, drain_here, h);
}

static void stop_here(void *arg)
{
    struct home *h = arg;

    h->is_stopping = true;
}

void home_stop(struct home *h)
{
    if (!h->is_started)
        return;
    home_post(h, stop_here, h);
    pthread_join(h->thread, NULL);
    h->is_started = false;
}

void home_deinit(struct home *h)
{
    const struct home *before = current;

    current = h;
    run_posts(h);
    home_timer_run_all(h);
    run_posts(h);
    run_gone(h);
    current = before;
    home_timer_deinit(h);
    fd_closep(&h->wake_fd);
    fd_closep(&h->wake_dup_fd);
    fd_closep(&h->watch_fd);
    for (size_t i = 0; i < HTTP_LISTENERS_MAX; i++)
        fd_closep(&h->listener_fds[i]);
    pthread_mutex_destroy(&h->lock);
}
