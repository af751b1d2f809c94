#pragma once
/* A piece of a journal as events of Redis: what one step of the mirror carries. Reactor thread; it
 * reads the disk, at most MIRROR_SLICE_BYTES. */
#include "state/base/buf.h"
#include "state/journal.h"
#include "state/record.h"

#define MIRROR_SLICE_EVENTS 512u
#define MIRROR_SLICE_BYTES  (128u << 10) /* and one record more */

struct mirror_slice {
    struct buf json;                  /* the events, one behind the other */
    size_t ends[MIRROR_SLICE_EVENTS]; /* where each ends in it */
    size_t n;
    uint64_t first;        /* number of the first */
    uint64_t output_bytes; /* of output up to its end */
    struct journal_record records[MIRROR_SLICE_EVENTS];
    struct buf bytes; /* of the records, in order */
};
void mirror_slice_deinit(struct mirror_slice *s);

struct mirror_source {
    struct journal *journal;
    const char *dir;                   /* of the journal, for its notes */
    const struct execution_exit *exit; /* NULL: it runs, and events that need to know how it ended
                                          have to wait */
};
/* What follows from event `from`. 0, also when there is nothing; -ENODATA: retention was faster,
 * look again; -errno. */
MUST_USE int mirror_slice_read(struct mirror_slice *s, const struct mirror_source *src,
                               uint64_t from);
