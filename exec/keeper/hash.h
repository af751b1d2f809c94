#pragma once
/* FNV-1a, 64 bits: names from strings, where nobody gains from a collision. Pure, any thread. */
#include <stdint.h>

static inline uint64_t hash_string(const char *s)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
    return h;
}
