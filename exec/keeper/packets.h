#pragma once
/*
 * Messages over a SEQPACKET socket that must not be waited for, at both ends: what the socket does
 * not take is queued up to a bound. One thread.
 */
#include "exec/keeper_wire.h"
#include "state/base/list.h"

struct packets {
    struct list queue; /* not taken yet, oldest first */
    size_t bytes, max_bytes;
};

void packets_init(struct packets *p, size_t max_bytes);
void packets_clear(struct packets *p);
static inline bool packets_is_empty(const struct packets *p)
{
    return list_is_empty(&p->queue);
}

/* Sends m, or queues it; the descriptor of a LISTENER stays the caller's. A LISTENER
 * that the kernel does not let us send is left out: its execution has no proxy. 0; -ENOBUFS: the
 * queue is full; -E2BIG, -EINVAL: it can't be sent, all else is as before; other -errno: hung up.
 */
MUST_USE int packets_send(struct packets *p, int fd, const struct keeper_message *m);
/* Sends what is queued, as far as the socket takes it. 0 or -errno: hung up. */
MUST_USE int packets_flush(struct packets *p, int fd);

enum packets_outcome { PACKETS_NOTHING_NOW = 0, PACKETS_MESSAGE = 1 };
/* One message. `space` holds KEEPER_MESSAGE_MAX bytes, from which *ret borrows; a descriptor that
 * came with a LISTENER is its own. An outcome,
 * -ECONNRESET: hung up, -EBADMSG: not a message, or -errno. */
MUST_USE int packets_receive(int fd, char *space, struct keeper_message *ret);
/* As large a buffer as a message needs. */
void packets_set_buffer(int fd);
