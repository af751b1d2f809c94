#pragma once
/*
 * Whose list of executions changed: something was started or forgotten, here or (by Redis) on
 * another replica. Told once for each principal in an interval, at its end; when too many have
 * changed, as everybody's. Reactor thread.
 */
#include <event2/event.h>

#include "config/config.h"
#include "state/redis.h"

struct list_news;
/* principal NULL: everybody's. */
typedef void list_news_fn(void *arg, const char *principal);

/* redis NULL: there are no other replicas. All is borrowed. */
struct list_news *list_news_new(struct event_base *base, const struct config *c,
                                struct redis *redis);
/* After redis_free(): that ends the subscription. */
struct list_news *list_news_free(struct list_news *n);
void list_news_listen(struct list_news *n, list_news_fn *fn, void *arg);
/* Changed here: others are told too. */
void list_news_mark(struct list_news *n, const char *principal);
