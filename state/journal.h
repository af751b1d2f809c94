#pragma once
/*
 * A reader of one execution's journal: a cursor over events and bytes. Any number of readers, any
 * thread, each object one thread at a time. Reads never wait and never lock; the keeper may be
 * appending meanwhile. See journal_format.h for the layout and what a record promises.
 */
#include <sys/types.h>

#include "state/base/buf.h"
#include "state/base/macro.h"
#include "state/execution.h"
#include "state/journal_format.h"

struct journal;

/* <state_dir>/executions/<id>, malloc'd. The id must have passed id_is_valid(). */
char *journal_dir(const char *state_dir, const char *id);

/* -ENOENT: no such journal or it has not begun (pending); -EBADMSG: not a journal. */
MUST_USE int journal_open(const char *state_dir, const char *id, struct journal **ret);
struct journal *journal_close(struct journal *j);
void journal_closep(struct journal **j);

/* Looks again: how many records there are now, and where retention begins. 0 or -errno. */
MUST_USE int journal_refresh(struct journal *j);
uint64_t journal_events(const struct journal *j);      /* records 0 … n-1 exist */
uint64_t journal_first_event(const struct journal *j); /* earlier ones lost their bytes */
uint64_t journal_first_offset(const struct journal *j);
uint64_t journal_output_bytes(const struct journal *j); /* size of output as indexed */

/* Records from `from` on, at most `max`; *ret_n may be fewer, 0 behind the end. */
MUST_USE int journal_records(struct journal *j, uint64_t from, struct journal_record *recs,
                             size_t max, size_t *ret_n);
/* Exactly `len` bytes of output at `offset`, else -ENODATA: beyond the end as indexed, or in the
 * hole; then the journal has been refreshed and says where what is left begins. */
MUST_USE int journal_read(struct journal *j, uint64_t offset, void *buf, size_t len);

/* When the last output was written; 0: there was none, as far as the last records say. */
uint64_t journal_last_output_us(struct journal *j);

/* The note of a record of this execution, appended to `ret`. False: it has none, or it is not
 * whole. */
MUST_USE bool journal_read_note(const char *dir, const struct journal_record *rec, struct buf *ret);

/* The file exit. 0, or -ENOENT while it runs, or -EBADMSG. */
MUST_USE int journal_read_exit(const char *dir, struct execution_exit *ret);
/* Writes it (temporary file, rename): the keeper's last act, or the server's for what never ran. */
MUST_USE int journal_write_exit(const char *dir, const struct execution_exit *e);

/* SHA-256 of everything each stream wrote, lower-case hex. Computed from the files, up to
 * `limit` bytes of output (0: any size); a long one is kept in the file `sums` once the execution
 * has ended, and is not lost. */
struct journal_sums {
    char stdout_hex[65], stderr_hex[65];
};
/* -EFBIG: more than `limit`; -ENODATA: retention dropped bytes; -errno. */
MUST_USE int journal_sums(const char *state_dir, const char *id, uint64_t limit,
                          struct journal_sums *ret);
/* Of an open one as far as it was refreshed, in one go; nothing is looked up or kept. The same
 * errors. */
MUST_USE int journal_sums_of(struct journal *j, struct journal_sums *ret);
/* Puts sums that somebody else computed beside the journal. 0 or -errno. */
MUST_USE int journal_keep_sums(const char *dir, const struct journal_sums *sums);

/* The same in steps, for a thread that has others to serve. */
struct journal_summing;
MUST_USE int journal_summing_new(const char *state_dir, const char *id, uint64_t limit,
                                 struct journal_summing **ret);
void journal_summing_freep(struct journal_summing **s);
/* Hashes about max_bytes more. 1: call again; 0: *ret is set, and this was the last call; -errno.
 */
MUST_USE int journal_summing_step(struct journal_summing *s, uint64_t max_bytes,
                                  struct journal_sums *ret);
