#pragma once
/* Asks sentinels, one after the other, where the primary is. Reactor thread only; the answer comes
 * from the loop. */
#include <openssl/ssl.h>

#include "config/config.h"
#include "config/redis_url.h"
#include "state/base/macro.h"

struct event_base;
struct redis_sentinel;

/* host NULL: none of them could say, and error is the last one's reason. Both are borrowed. */
typedef void redis_sentinel_fn(void *arg, const char *host, uint16_t port, const char *error);

struct redis_sentinel_options {
    struct event_base *base;     /* borrowed, as all here */
    const struct config *config; /* redis.timeout, redis.sentinel_password */
    const struct redis_url *url;
    SSL_CTX *tls; /* NULL: plain */
    redis_sentinel_fn *done;
    void *arg;
};
struct redis_sentinel *redis_sentinel_new(const struct redis_sentinel_options *o);
struct redis_sentinel *redis_sentinel_free(struct redis_sentinel *s);
/* Begins with the one that answered last. Once more only after done. */
void redis_sentinel_ask(struct redis_sentinel *s);
