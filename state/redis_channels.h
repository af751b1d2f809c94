#pragma once
/* Who listens to which channel, on a connection of its own. Reactor thread only. */
#include "state/redis_conn.h"

struct redis_channels;
/* The options but for events and arg. */
struct redis_channels *redis_channels_new(const struct redis_conn_options *o, unsigned max);
/* Subscriptions that are left are gone with it. */
struct redis_channels *redis_channels_free(struct redis_channels *c);
struct redis_subscription *redis_channels_add(struct redis_channels *c, const char *channel,
                                              const struct redis_listener *l, void *arg);
