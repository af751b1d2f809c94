#include "server/mcp/shard.h"

#include "server/mcp/ask.h"
#include "server/mcp/hub.h"
#include "server/mcp/request.h"
#include "state/base/clock.h"

#define TICK_MS 1000
/* A request that waits so long becomes an event stream: heartbeats keep proxies (nginx
 * proxy_read_timeout: 60 s) and clients from giving up. */
#define COMMIT_AFTER_MS 10000

struct shard *shard_get(struct mcp *m, struct home *home)
{
    struct shard *head = atomic_load(&m->shards);

    for (struct shard *s = head; s; s = s->next) {
        if (s->home == home)
            return s;
    }
    /* Only this thread makes the shard of its home, so no second one can appear meanwhile. */
    struct shard *s = xcalloc(1, sizeof *s);
    s->core = m;
    s->home = home;
    list_init(&s->parked);
    list_init(&s->asked);
    do
        s->next = head;
    while (!atomic_compare_exchange_weak(&m->shards, &head, s));
    return s;
}

static void commit_parked(struct shard *s, uint64_t now_ms)
{
    struct list *it;

    while ((it = list_first(&s->parked))) {
        struct mcp_request *rq = CONTAINER_OF(it, struct mcp_request, shard_link);
        if (now_ms - rq->parked_ms < COMMIT_AFTER_MS)
            break;
        request_commit_late(rq);
    }
}

static void on_tick(void *arg)
{
    struct shard *s = arg;
    uint64_t now_ms = clock_mono_ms();

    s->is_ticking = false;
    commit_parked(s, now_ms);
    asks_expire(&s->asked, now_ms);
    if (s->streams > 0)
        hub_touch_sessions(s->core->hub);
    if (s->streams > 0 || !list_is_empty(&s->parked) || !list_is_empty(&s->asked))
        shard_wake(s);
}

void shard_wake(struct shard *s)
{
    if (s->is_ticking)
        return;
    s->is_ticking = true;
    home_after(s->home, TICK_MS, on_tick, s);
}

void shards_free(struct mcp *m)
{
    struct shard *next = atomic_exchange(&m->shards, NULL);

    while (next) {
        struct shard *s = next;
        next = s->next;
        free(s);
    }
}
