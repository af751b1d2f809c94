/* h2o closes its descriptor before it tells, so a duplicate holds the connection. */
#include "server/http/linger.h"

#include <errno.h>
#include <fcntl.h>

#include <sys/socket.h>

#include "state/base/log.h"

#define LINGER_MS     2000
#define DISCARD_BYTES ((size_t)64 << 20)
#define ROUND_BYTES   65536

struct lingering {
    struct home *home;    /* borrowed, outlives */
    h2o_socket_t *socket; /* owned by the loop; NULL: over, its timer frees this */
    int fd;               /* owned until the loop has it */
    size_t left;          /* bytes that are still thrown away */
    void (*then)(void *); /* what was to be told of the end */
    void *arg;
};

static void end(struct lingering *l)
{
    h2o_socket_close(TAKE_PTR(l->socket));
    l->then(l->arg);
}

static void on_readable(h2o_socket_t *socket, const char *err)
{
    struct lingering *l = socket->data;
    char thrown_away[ROUND_BYTES];
    ssize_t n = recv(h2o_socket_get_fd(socket), thrown_away, sizeof thrown_away, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || (size_t)n >= l->left)
        end(l);
    else
        l->left -= (size_t)n;
}

static void on_deadline(void *arg)
{
    CLEANUP(free_p) struct lingering *l = arg;

    if (l->socket)
        end(l);
}

static void on_closed(void *arg)
{
    struct lingering *l = arg;
    struct home *h = l->home;

    (void)shutdown(l->fd, SHUT_WR);
    l->socket = home_watch_fd(h, TAKE_FD(l->fd), on_readable);
    l->socket->data = l;
    /* A home that stops has no patience left. */
    if (h->is_stopping)
        on_deadline(l);
    else
        home_after(h, LINGER_MS, on_deadline, l);
}

void linger_on_close(struct home *h, h2o_socket_t *socket)
{
    int fd = fcntl(h2o_socket_get_fd(socket), F_DUPFD_CLOEXEC, 0);

    if (fd < 0) {
        LOG_DEBUG("linger_failed", LOG_ERRNO(-errno));
        return;
    }
    struct lingering *l = xcalloc(1, sizeof *l);
    *l = (struct lingering){.home = h,
                            .fd = fd,
                            .left = DISCARD_BYTES,
                            .then = socket->on_close.cb,
                            .arg = socket->on_close.data};
    socket->on_close.cb = on_closed;
    socket->on_close.data = l;
}
