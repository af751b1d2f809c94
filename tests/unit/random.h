#pragma once
/* Numbers that look random and are the same in every run (xorshift64*, Marsaglia and Vigna). */
#include <stdint.h>

struct random {
    uint64_t state; /* not 0 */
};

static inline uint64_t random_next(struct random *r)
{
    r->state ^= r->state >> 12;
    r->state ^= r->state << 25;
    r->state ^= r->state >> 27;
    return r->state * UINT64_C(2685821657736338717);
}

/* 0 … n-1 */
static inline uint64_t random_below(struct random *r, uint64_t n)
{
    return (random_next(r) >> 16) % n;
}
