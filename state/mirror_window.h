#pragma once
/*
 * Which events of an execution are in its list in Redis, and how large they are there, in steps of
 * some events each: enough to know how many to drop at the front to hold a bound. Pure.
 */
#include <stddef.h>
#include <stdint.h>

#define MIRROR_STEPS 32

struct mirror_window {
    uint64_t first; /* event at the head of the list */
    uint64_t end;   /* behind the last */
    uint64_t bytes; /* of all */
    struct mirror_step {
        uint64_t end, bytes;
    } steps[MIRROR_STEPS]; /* in order; the last is the newest */
    unsigned n;
};

/* Empty, at this event. */
void mirror_window_reset(struct mirror_window *w, uint64_t first);
void mirror_window_add(struct mirror_window *w, uint64_t n_events, uint64_t bytes, uint64_t max);
/* How many events go so that at most max bytes stay; the newest step always stays. */
uint64_t mirror_window_trim(struct mirror_window *w, uint64_t max);
