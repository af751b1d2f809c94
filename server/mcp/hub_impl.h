#pragma once
/* What hub.c (who is there) and hub_news.c (what they are told) share. */
#include <pthread.h>

#include "server/mcp/hub.h"
#include "server/mcp/subscription.h"

/* A session that has a stream or a subscription. */
struct peer {
    struct session *session;   /* reference */
    struct list streams;       /* struct stream.peer_link, oldest first */
    struct list subscriptions; /* struct subscription.owner_link */
};

struct hub {
    struct mcp *core; /* borrowed */
    pthread_mutex_t lock;
    struct list streams;                 /* struct stream.hub_link: all */
    struct map *channels;                /* id -> stream, borrowed */
    struct map *peers;                   /* session id -> peer, owned */
    struct subscriptions *subscriptions; /* owned: by uri */
    struct subscriptions *tasks;         /* owned: by id */
    uint64_t swept_ms, touched_ms;
    bool is_draining;
};

static inline void hub_unlockp(pthread_mutex_t **lock)
{
    pthread_mutex_unlock(*lock);
}
#define LOCKED(h)                                              \
    CLEANUP(hub_unlockp) pthread_mutex_t *locked = &(h)->lock; \
    pthread_mutex_lock(locked)
