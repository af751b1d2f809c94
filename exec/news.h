#pragma once
/*
 * Who is told that an execution changed: streams of clients say which ones they watch, the service
 * says what happened. The first change of one is told at once, those of the next interval together
 * at its end; what is told at_once (an end) takes what was held back along. Ids are counted and
 * need not exist: news of them come when they do. Reactor thread only.
 */
#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>

enum news_what {
    NEWS_STATUS = 1u << 0, /* it has another status */
    NEWS_OUTPUT = 1u << 1, /* it wrote something */
    NEWS_WAITS = 1u << 2,  /* it begins or ceases to wait for input */
};

struct news;
/* what: of enum news_what. It may watch and unwatch. */
typedef void news_due_fn(void *arg, const char *id, unsigned what);

struct news *news_new(struct event_base *base, uint64_t interval_ms, news_due_fn *due, void *arg);
struct news *news_free(struct news *n);
/* One more watches it. Who asks for that has a bound (limits.max_watched). */
void news_watch(struct news *n, const char *id);
/* One less: true when that was the last. Of an id that is not watched: false. */
bool news_unwatch(struct news *n, const char *id);
bool news_is_watched(const struct news *n, const char *id);
/* Costs next to nothing when nobody watches. */
void news_tell(struct news *n, const char *id, unsigned what, bool at_once);
