#pragma once
/* A stream followed by XREAD BLOCK, on a connection of its own since others would wait behind it.
 * Reactor thread only. */
#include "state/redis_conn.h"

struct redis_stream;
/* The options but for events and arg. */
struct redis_stream *redis_stream_new(const struct redis_conn_options *o, const char *key,
                                      const char *after, const struct redis_follower *f);
struct redis_stream *redis_stream_free(struct redis_stream *s);
