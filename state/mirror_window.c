#include "state/mirror_window.h"

#include <string.h>

void mirror_window_reset(struct mirror_window *w, uint64_t first)
{
    *w = (struct mirror_window){.first = first, .end = first};
}

/* Two neighbours become one. */
static void join_oldest(struct mirror_window *w)
{
    w->steps[1].bytes += w->steps[0].bytes;
    w->n--;
    memmove(w->steps, w->steps + 1, w->n * sizeof(w->steps[0]));
}

void mirror_window_add(struct mirror_window *w, uint64_t n_events, uint64_t bytes, uint64_t max)
{
    struct mirror_step *last = w->n ? &w->steps[w->n - 1] : NULL;
    w->end += n_events;
    w->bytes += bytes;
    if (last && last->bytes + bytes <= max / (MIRROR_STEPS / 2)) {
        last->end = w->end;
        last->bytes += bytes;
        return;
    }
    if (w->n == MIRROR_STEPS)
        join_oldest(w);
    w->steps[w->n++] = (struct mirror_step){.end = w->end, .bytes = bytes};
}

uint64_t mirror_window_trim(struct mirror_window *w, uint64_t max)
{
    uint64_t before = w->first;
    while (w->bytes > max && w->n > 1) {
        w->first = w->steps[0].end;
        w->bytes -= w->steps[0].bytes;
        w->n--;
        memmove(w->steps, w->steps + 1, w->n * sizeof(w->steps[0]));
    }
    return w->first - before;
}
