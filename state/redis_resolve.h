#pragma once
/*
 * Names to addresses without holding up the reactor: getaddrinfo(3) on a short-lived thread, so
 * that all of nsswitch is asked (hosts file, DNS, whatever else the host has). Addresses take no
 * thread. Reactor thread only; the answer comes from the loop.
 */
#include <netdb.h>
#include <stdint.h>

#include <sys/socket.h>

#include "state/base/macro.h"

struct event_base;
struct redis_resolve;

struct redis_address {
    struct sockaddr_storage sa;
    socklen_t len;
};
#define REDIS_ADDRESSES_MAX 8

struct redis_name {
    const char *host; /* borrowed for the call */
    uint16_t port;
};

/* n 0: error is of getaddrinfo(3). The object is gone afterwards. */
typedef void redis_resolve_fn(void *arg, const struct redis_address *v, size_t n, int error);

/* 0 or -errno; -EAGAIN: too many are under way (a resolver that hangs). */
MUST_USE int redis_resolve_start(struct event_base *base, const struct redis_name *name,
                                 redis_resolve_fn *done, void *arg, struct redis_resolve **ret);
/* No answer comes. Never waits for the thread. NULL is legal. */
void redis_resolve_cancel(struct redis_resolve *r);
