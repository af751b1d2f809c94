#include "state/redis_probe.h"

#include <stdio.h>
#include <string.h>

#include <event2/event.h>
#include <hiredis/hiredis.h>

#include "state/base/clock.h"
#include "state/redis.h"

#define PROBE_MAX_MS 10000

struct probe {
    struct event_base *base; /* owned */
    struct redis *redis;     /* owned */
    struct redis_facts *facts;
    unsigned n_open; /* questions without an answer */
};

static void done(struct probe *p)
{
    if (--p->n_open == 0)
        (void)event_base_loopbreak(p->base);
}

/* Of "name:value\r\n" among other lines. */
static void copy_line(char *to, size_t size, const char *info, const char *name)
{
    const char *at = strstr(info, name);
    if (at)
        (void)snprintf(to, size, "%.*s", (int)strcspn(at + strlen(name), "\r\n"),
                       at + strlen(name));
}

static void on_info(void *arg, enum redis_outcome o, const struct redisReply *r)
{
    struct probe *p = arg;

    if (o == REDIS_E_NONE && r->str) {
        copy_line(p->facts->version, sizeof(p->facts->version), r->str, "\nredis_version:");
        copy_line(p->facts->policy, sizeof(p->facts->policy), r->str, "\nmaxmemory_policy:");
    }
    p->facts->is_reached = o == REDIS_E_NONE || o == REDIS_E_REPLY;
    done(p);
}

static void on_time(void *arg, enum redis_outcome o, const struct redisReply *r)
{
    struct probe *p = arg;

    if (o == REDIS_E_NONE && r->type == REDIS_REPLY_ARRAY && r->elements == 2 &&
        r->element[0]->str && r->element[1]->str) {
        int64_t theirs = strtoll(r->element[0]->str, NULL, 10) * 1000 +
                         strtoll(r->element[1]->str, NULL, 10) / 1000;
        p->facts->skew_ms = theirs - (int64_t)(clock_real_us() / 1000);
        p->facts->has_time = true;
    }
    done(p);
}

static void on_up(void *arg, bool is_other)
{
    struct probe *p = arg;
    const struct redis_call info = {.on_reply = on_info, .arg = p},
                            clock = {.on_reply = on_time, .arg = p};

    p->n_open = 1; /* ours, so that none of the others is the last */
    p->n_open += redis_ask(p->redis, &info, "INFO") == REDIS_E_NONE;
    p->n_open += redis_ask(p->redis, &clock, "TIME") == REDIS_E_NONE;
    done(p);
}

static void on_down(void *arg)
{
}

void redis_probe(const struct config *c, struct redis_facts *ret)
{
    struct probe p = {.base = event_base_new(), .facts = ret};
    const struct redis_watcher watcher = {.on_up = on_up, .on_down = on_down, .arg = &p};
    uint64_t ms = c->redis_timeout_ms < PROBE_MAX_MS ? c->redis_timeout_ms : PROBE_MAX_MS;
    const struct timeval t = {.tv_sec = (time_t)(ms / 1000),
                              .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

    *ret = (struct redis_facts){.error = "no answer in time (redis.timeout)"};
    if (!p.base)
        return;
    int r = redis_new(p.base, c, "doctor", &p.redis);
    if (r < 0) {
        snprintf(ret->error, sizeof(ret->error), "%s", strerror(-r));
    } else {
        redis_watch(p.redis, &watcher);
        (void)event_base_loopexit(p.base, &t);
        (void)event_base_dispatch(p.base);
        if (!ret->is_reached && *redis_why(p.redis))
            (void)snprintf(ret->error, sizeof(ret->error), "%s", redis_why(p.redis));
    }
    redis_free(p.redis);
    event_base_free(p.base);
}
