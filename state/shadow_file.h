#pragma once
/*
 * The journal of another replica's execution, copied here: the same files as an own one
 * (journal_format.h), with the same event numbers, offsets and bytes, so that every reader works
 * on it unchanged. It may begin later than the original, and what came before can be put in front.
 * A file `shadow` in the directory marks it: a shadow is never run, and the next server removes it.
 *
 *   first_event                        events
 *      v                                  v
 *      +----------------------------------+
 *   <- | put in front … what is here …    | -> appended
 *      +----------------------------------+
 *
 * One writer, on one thread; readers as in journal.h.
 */
#include "state/base/buf.h"
#include "state/journal.h"
#include "state/spec.h"

/* Events that follow each other, on their way into a shadow: at most some MiB at a time. */
struct shadow_events {
    struct buf records; /* struct journal_record each; offsets are set when they are written */
    struct buf bytes;
    struct buf notes;
    size_t n;
};
void shadow_events_deinit(struct shadow_events *v);
/* data: rec->length bytes, or those of its note. */
void shadow_events_add(struct shadow_events *v, const struct journal_record *rec, const void *data);

struct shadow_file {
    char *dir;               /* owned */
    int index_fd, output_fd; /* owned; -1: it has not begun, or is closed */
    uint64_t first_event, first_offset;
    uint64_t events, output_bytes;
    uint64_t note_bytes; /* the size of the file notes */
};

/* Makes the directory with its mark and spec.json. 0 or -errno; -EEXIST: there is a journal. */
MUST_USE int shadow_file_new(const char *state_dir, const struct exec_spec *spec,
                             struct shadow_file **ret);
/* The files stay. */
struct shadow_file *shadow_file_free(struct shadow_file *f);
/* Is the journal in this directory a shadow? */
bool shadow_file_is(const char *dir);

/* What comes next. 0 or -errno, and then nothing has changed for readers. */
MUST_USE int shadow_file_append(struct shadow_file *f, struct shadow_events *v);
/* Begins (again) at this event and this byte: what was between is not here. No way back. */
MUST_USE int shadow_file_begin(struct shadow_file *f, uint64_t event, uint64_t offset,
                               struct shadow_events *v);
/* What came before first_event, at most all of it: puts it in front. */
MUST_USE int shadow_file_prepend(struct shadow_file *f, struct shadow_events *v);
/* The end: `sums` (NULL: not known) and exit are written, the descriptors closed. */
MUST_USE int shadow_file_finish(struct shadow_file *f, const struct execution_exit *x,
                                const struct journal_sums *sums);
/* On disk: index and output. */
uint64_t shadow_file_size(const struct shadow_file *f);
