/* Commands under construction. */
#include <inttypes.h>
#include <stdio.h>

#include "state/redis.h"

void redis_args_deinit(struct redis_args *a)
{
    free(a->v);
    free(a->len);
    a->v = NULL;
    a->len = NULL;
    a->n = a->cap = a->n_numbers = 0;
}

void redis_args_bytes(struct redis_args *a, const void *data, size_t len)
{
    if (a->n == a->cap) {
        a->cap = a->cap ? 2 * a->cap : 16;
        a->v = reallocarray(a->v, a->cap, sizeof(*a->v));
        a->len = reallocarray(a->len, a->cap, sizeof(*a->len));
        if (!a->v || !a->len)
            abort();
    }
    a->v[a->n] = data ? data : "";
    a->len[a->n++] = len;
}

void redis_args_str(struct redis_args *a, const char *s)
{
    redis_args_bytes(a, s, strlen(s));
}

void redis_args_u64(struct redis_args *a, uint64_t v)
{
    assert(a->n_numbers < ARRAY_LEN(a->numbers));
    char *text = a->numbers[a->n_numbers++];
    int len = snprintf(text, sizeof(a->numbers[0]), "%" PRIu64, v);
    redis_args_bytes(a, text, (size_t)len);
}

void redis_args_script(struct redis_args *a, const struct redis_script *s, size_t n_keys)
{
    assert(s->is_added && a->n == 0);
    redis_args_str(a, "EVALSHA");
    redis_args_str(a, s->sha);
    redis_args_u64(a, n_keys);
}

const char *redis_outcome_name(enum redis_outcome o)
{
    switch (o) {
    case REDIS_E_NONE:
        return "ok";
    case REDIS_E_REPLY:
        return "refused";
    case REDIS_E_DOWN:
        return "away";
    case REDIS_E_FULL:
        return "queue_full";
    case REDIS_E_LOST:
        return "connection_lost";
    case REDIS_E_TIMEOUT:
        return "timeout";
    case REDIS_E_ENDED:
        return "ended";
    }
    return "unknown";
}
