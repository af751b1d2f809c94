#include "exec/keeper/packets.h"

#include <errno.h>
#include <fcntl.h>

#include <sys/socket.h>

#include "state/base/fd.h"
#include "state/base/log.h"

struct packet {
    struct list link;
    struct buf data;
    int fd; /* owned; -1: none goes along */
};

/* Room for one descriptor, unix(7). */
union control {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

void packets_init(struct packets *p, size_t max_bytes)
{
    *p = (struct packets){.max_bytes = max_bytes};
    list_init(&p->queue);
}

static void drop(struct packets *p, struct packet *packet)
{
    list_remove(&packet->link);
    p->bytes -= packet->data.len;
    buf_deinit(&packet->data);
    fd_closep(&packet->fd);
    free(packet);
}

void packets_clear(struct packets *p)
{
    list_for_each_safe (l, next, &p->queue)
        drop(p, CONTAINER_OF(l, struct packet, link));
}

/* 0; -EAGAIN: not now; other -errno: hung up. */
static int try_send(int fd, const struct buf *b, int passed_fd)
{
    union control control = {0};
    struct iovec data = {.iov_base = b->data, .iov_len = b->len};
    struct msghdr m = {.msg_iov = &data, .msg_iovlen = 1};

    if (passed_fd >= 0) {
        m.msg_control = control.bytes;
        m.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        *c = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(c), &passed_fd, sizeof(passed_fd));
    }
    if (sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return 0;
    if (errno == ETOOMANYREFS) { /* other processes of our user, unless that is root: unix(7) */
        LOG_WARN("descriptor_not_sent", LOG_STR("why", "its user has too many on their way"));
        return 0;
    }
    return errno == EINTR || errno == ENOBUFS ? -EAGAIN : -errno;
}

static int enqueue(struct packets *p, struct buf *b, int passed_fd)
{
    if (p->bytes + b->len > p->max_bytes)
        return -ENOBUFS;
    CLEANUP(fd_closep) int fd = passed_fd < 0 ? -1 : fcntl(passed_fd, F_DUPFD_CLOEXEC, 3);
    if (passed_fd >= 0 && fd < 0)
        return -ENOBUFS;
    struct packet *packet = xcalloc(1, sizeof(*packet));
    packet->fd = TAKE_FD(fd);
    packet->data = *b;
    *b = (struct buf){0};
    p->bytes += packet->data.len;
    list_append(&p->queue, &packet->link);
    return 0;
}

int packets_send(struct packets *p, int fd, const struct keeper_message *m)
{
    CLEANUP(buf_deinit) struct buf b = {0};
    int r = keeper_message_encode(m, &b);

    if (r < 0)
        return r;
    int passed_fd = m->type == KEEPER_LISTENER ? m->listener_fd : -1;
    r = packets_is_empty(p) ? try_send(fd, &b, passed_fd) : -EAGAIN;
    if (r == -EAGAIN)
        return enqueue(p, &b, passed_fd);
    return r == -EMSGSIZE ? -E2BIG : r; /* a socket buffer smaller than a message */
}

int packets_flush(struct packets *p, int fd)
{
    for (struct list *l; (l = list_first(&p->queue));) {
        struct packet *packet = CONTAINER_OF(l, struct packet, link);
        int r = try_send(fd, &packet->data, packet->fd);
        if (r < 0)
            return r == -EAGAIN ? 0 : r;
        drop(p, packet);
    }
    return 0;
}

/* As recv(2), and the descriptor that came along; -1: none. */
static ssize_t receive(int fd, char *space, int *ret_fd)
{
    union control control;
    struct iovec data = {.iov_base = space, .iov_len = KEEPER_MESSAGE_MAX};
    struct msghdr m = {.msg_iov = &data,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof(control.bytes)};
    ssize_t n = fd_recvmsg(fd, &m, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);
    const struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&m);

    *ret_fd = -1;
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
        c->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(ret_fd, CMSG_DATA(c), sizeof(*ret_fd));
    return n;
}

int packets_receive(int fd, char *space, struct keeper_message *ret)
{
    CLEANUP(fd_closep) int passed_fd = -1;
    ssize_t n = receive(fd, space, &passed_fd);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? PACKETS_NOTHING_NOW : -errno;
    if (n == 0)
        return -ECONNRESET;
    if (n > (ssize_t)KEEPER_MESSAGE_MAX)
        return -EBADMSG;
    int r = keeper_message_decode(space, (size_t)n, ret);
    if (r < 0)
        return r;
    if (ret->type == KEEPER_LISTENER)
        ret->listener_fd = TAKE_FD(passed_fd);
    return PACKETS_MESSAGE;
}

void packets_set_buffer(int fd)
{
    /* Linux doubles it for its own book-keeping, socket(7). A smaller one refuses large starts. */
    const int size = KEEPER_MESSAGE_MAX;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}
