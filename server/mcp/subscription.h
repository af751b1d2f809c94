#pragma once
/*
 * Who wants to hear of which resource: an index by uri. Two kinds of owner, a session and a
 * listen stream; each keeps the list of its own. No lock: the hub's guards it.
 */
#include <stdbool.h>
#include <stddef.h>

#include "state/base/list.h"

struct peer;
struct stream;

/* Bounds of one owner. */
#define SUBSCRIPTIONS_EACH   128
#define SUBSCRIPTION_URI_MAX 1024

struct subscription {
    struct list owner_link, uri_link;
    struct topic *topic;   /* borrowed */
    struct peer *peer;     /* borrowed: the owner, or … */
    struct stream *stream; /* … borrowed: the owner */
};

struct subscriptions;
/* At most `max` of all owners. on_watch: called with a uri that has its first watcher (is_on), or
 * lost its last one. */
struct subscriptions *subscriptions_new(size_t max,
                                        void (*on_watch)(void *arg, const char *uri, bool is_on),
                                        void *arg);
struct subscriptions *subscriptions_free(struct subscriptions *t);

/* Adds one for peer or stream, whose list `owner` is. True when it is there, also before; false:
 * too many, or the uri is too long. */
bool subscription_add(struct subscriptions *t, struct list *owner, const char *uri,
                      struct peer *peer, struct stream *stream);
void subscription_remove(struct subscriptions *t, struct list *owner, const char *uri);
void subscription_remove_all(struct subscriptions *t, struct list *owner);
/* fn for each of this uri; fn must not change them. */
void subscription_each(struct subscriptions *t, const char *uri,
                       void (*fn)(struct subscription *s, void *arg), void *arg);
