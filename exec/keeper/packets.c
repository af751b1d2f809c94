#include "exec/keeper/packets.h"

#include <errno.h>

#include <sys/socket.h>

struct packet {
    struct list link;
    struct buf data;
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
    free(packet);
}

void packets_clear(struct packets *p)
{
    list_for_each_safe (l, next, &p->queue)
        drop(p, CONTAINER_OF(l, struct packet, link));
}

/* 0; -EAGAIN: not now; other -errno: hung up. */
static int try_send(int fd, const struct buf *b)
{
    if (send(fd, b->data, b->len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return 0;
    return errno == EINTR || errno == ENOBUFS ? -EAGAIN : -errno;
}

static int enqueue(struct packets *p, struct buf *b)
{
    if (p->bytes + b->len > p->max_bytes)
        return -ENOBUFS;
    struct packet *packet = xcalloc(1, sizeof(*packet));
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
    r = packets_is_empty(p) ? try_send(fd, &b) : -EAGAIN;
    if (r == -EAGAIN)
        return enqueue(p, &b);
    return r == -EMSGSIZE ? -E2BIG : r; /* a socket buffer smaller than a message */
}

int packets_flush(struct packets *p, int fd)
{
    for (struct list *l; (l = list_first(&p->queue));) {
        struct packet *packet = CONTAINER_OF(l, struct packet, link);
        int r = try_send(fd, &packet->data);
        if (r < 0)
            return r == -EAGAIN ? 0 : r;
        drop(p, packet);
    }
    return 0;
}

int packets_receive(int fd, char *space, struct keeper_message *ret)
{
    ssize_t n = recv(fd, space, KEEPER_MESSAGE_MAX, MSG_DONTWAIT | MSG_TRUNC);

    /* Told once of a peer that closed without reading all; what it sent is still there. */
    if (n < 0 && errno == ECONNRESET)
        n = recv(fd, space, KEEPER_MESSAGE_MAX, MSG_DONTWAIT | MSG_TRUNC);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? PACKETS_NOTHING_NOW : -errno;
    if (n == 0)
        return -ECONNRESET;
    if (n > (ssize_t)KEEPER_MESSAGE_MAX)
        return -EBADMSG;
    int r = keeper_message_decode(space, (size_t)n, ret);
    return r < 0 ? r : PACKETS_MESSAGE;
}

void packets_set_buffer(int fd)
{
    /* Linux doubles it for its own book-keeping, socket(7). A smaller one refuses large starts. */
    const int size = KEEPER_MESSAGE_MAX;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}
