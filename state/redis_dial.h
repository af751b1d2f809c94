#pragma once
/*
 * From a place to a connection: resolve, connect (each address in turn), TLS. Reactor thread only;
 * the result comes from the loop. Whoever dials keeps the deadline, and cancels.
 */
#include <openssl/ssl.h>
#include <stdint.h>

#include "state/base/macro.h"

struct bufferevent;
struct event_base;
struct redis_dial;

struct redis_place {
    const char *path; /* of a unix socket; NULL: host and port */
    const char *host;
    uint16_t port;
    SSL_CTX *tls; /* NULL: plain */
};

/* bev is the callee's, connected, its handshake done; NULL: error says why. The dial is gone
 * afterwards. */
typedef void redis_dial_fn(void *arg, struct bufferevent *bev, const char *error);

/* The place is borrowed for the call, its tls for as long as the connection. */
struct redis_dial *redis_dial_start(struct event_base *base, const struct redis_place *place,
                                    redis_dial_fn *done, void *arg);
/* No result comes. NULL is legal. */
void redis_dial_cancel(struct redis_dial *d);
