#include "exec/session_round.h"

#include <stdio.h>

#include "state/session_record.h"
#include "state/session_shared.h"

#define PAGE_MAX 500u

void session_round_own(struct session_round *r, struct sessions *s)
{
    session_round_deinit(r);
    r->n = sessions_list_own(s, &r->v);
}

void session_round_seen(struct session_round *r, struct sessions *s, uint64_t since_ms)
{
    session_round_deinit(r);
    r->n = sessions_list_seen(s, since_ms, &r->v);
}

void session_round_deinit(struct session_round *r)
{
    session_round_skip(r, r->n - r->at);
    free(r->v);
    *r = (struct session_round){0};
}

size_t session_round_page(const struct session_round *r)
{
    return r->n - r->at < PAGE_MAX ? r->n - r->at : PAGE_MAX;
}

void session_round_skip(struct session_round *r, size_t n)
{
    assert(n <= r->n - r->at);
    while (n-- > 0)
        session_unref(r->v[r->at++]);
}

void session_round_touch(struct session_round *r, struct redis *redis, uint64_t ttl_ms)
{
    char ttl[24];
    (void)snprintf(ttl, sizeof(ttl), "%llu", (unsigned long long)ttl_ms);
    for (size_t left = session_round_page(r); left > 0; left--) {
        CLEANUP(free_p) char *key = session_record_key(r->v[r->at]->id);
        if (redis_ask(redis, NULL, "PEXPIRE", key, ttl) != REDIS_E_NONE)
            return;
        session_round_skip(r, 1);
    }
}
