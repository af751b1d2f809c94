#pragma once
/*
 * Writes one execution's journal: output and index (state/journal_format.h). Bytes go in as they
 * are read from a stream; whole lines are written at once, the begin of a line is held (at most
 * JOURNAL_RECORD_MAX for each stream) until its newline comes, journal_writer_flush() says that it
 * has been silent for long enough, or the stream ends. One thread. Positions never move.
 *
 *   stream:  ...line\n line\n begin of a li
 *                 └ written ┘ └─── held ──┘
 */
#include "state/base/buf.h"
#include "state/journal_format.h"

struct codec;

/* Outcomes that the caller handles. */
enum journal_writer_outcome {
    JOURNAL_WRITER_OK = 0,
    JOURNAL_WRITER_FULL = 1 /* told once: max_output_bytes are written, the rest is dropped */
};

enum { JOURNAL_STREAMS = 2 };

struct journal_writer {
    int output_fd, index_fd; /* owned; -1: not open */
    uint64_t events, output_bytes, last_output_us;
    uint64_t stream_bytes[JOURNAL_STREAMS];       /* written, stdout and stderr */
    uint64_t first_event, first_offset;           /* what retention has left */
    uint64_t max_output_bytes, keep_output_bytes; /* 0: no limit */
    bool is_full;                                 /* nothing more is taken */
    uint32_t n_notes;
    uint64_t note_bytes;              /* the size of notes */
    struct buf held[JOURNAL_STREAMS]; /* without a newline */
};

/* Makes output and index in `dir`. -EEXIST: there is a journal already. 0 or -errno. */
MUST_USE int journal_writer_init(struct journal_writer *w, const char *dir,
                                 uint64_t max_output_bytes, uint64_t keep_output_bytes);
void journal_writer_deinit(struct journal_writer *w);

/* An event without bytes. 0 or -errno; then nothing was written. */
MUST_USE int journal_writer_event(struct journal_writer *w, enum journal_type type, uint64_t value);
/* An event with a note, a JSON object of at most JOURNAL_NOTE_MAX bytes; those beyond
 * JOURNAL_NOTES_MAX are dropped. 0 or -errno; then nothing was written. */
MUST_USE int journal_writer_note(struct journal_writer *w, enum journal_type type, const char *dir,
                                 const char *note, size_t len);
/* At most JOURNAL_RECORD_MAX bytes of a stream (JOURNAL_STDOUT or JOURNAL_STDERR). An outcome or
 * -errno, which is told once: what comes later is dropped. */
MUST_USE int journal_writer_add(struct journal_writer *w, enum journal_type stream,
                                const char *data, size_t len);
/* Writes what is held; the begin of a character stays held unless the stream is at its end. An
 * outcome or -errno. */
MUST_USE int journal_writer_flush(struct journal_writer *w, enum journal_type stream, bool is_end);
/* Whether journal_writer_flush() before the end would write something. */
bool journal_writer_can_flush(const struct journal_writer *w, enum journal_type stream);

/* Whether the execution whose journal is in `dir` has ended. */
bool journal_writer_has_exit(const char *dir);

/* Its state over an upgrade, descriptors included. */
void journal_writer_walk(struct journal_writer *w, struct codec *c);
