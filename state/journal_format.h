#pragma once
/*
 * The journal of one execution on disk: <state_dir>/executions/<id>/{spec.json,output,index,exit},
 * and, if there is anything in it, notes. The keeper is the only writer of output, index, notes and
 * exit; everyone else reads.
 *
 *   index:   0            64            96
 *            +------------+-------------+-------------+--
 *            | header, 64 | record 0,32 | record 1,32 | …      record n is event n, at 64 + 32 n
 *            +------------+-------------+-------------+--
 *   output:  the raw bytes of stdout and stderr as they arrived; a record names a range of it.
 *
 * The bytes of a record are written to output before the record is appended to index, so that a
 * reader who sees a record can read its bytes. Records are whole lines that arrived together, or
 * (JOURNAL_PARTIAL) a piece of a line: 50 ms of silence, or 64 KiB without a newline. A record
 * never ends inside a UTF-8 character unless the stream ended there or the bytes are no UTF-8, so
 * each event can be decoded by itself. Numbers are in host byte order: a journal stays on the
 * machine that wrote it.
 */
#include <assert.h>
#include <stdint.h>

#define JOURNAL_MAGIC   UINT64_C(0x31584449504d4c4a) /* "JLMPIDX1" */
#define JOURNAL_VERSION 1u

/* What a record is: the event types of the protocol. Streams carry bytes, the others length 0. */
enum journal_type {
    JOURNAL_READY = 1, /* the command runs */
    JOURNAL_STDOUT,    /* also everything a pty prints */
    JOURNAL_STDERR,
    JOURNAL_EXIT,    /* always the last record; details in the file exit */
    JOURNAL_TIMEOUT, /* the deadline passed (value: timeout in ms) */
    JOURNAL_CANCELLED,
    JOURNAL_ERROR, /* could not be started (value: errno) */
    JOURNAL_LIMIT, /* a resource limit ended it (value: enum execution_reason) */
    /* With a note: a JSON object in the file notes, at `value`. */
    JOURNAL_LIMIT_MET, /* a limit was met, which did not end it */
    JOURNAL_VIOLATION, /* the sandbox refused something */
    JOURNAL_TYPE_MAX = JOURNAL_VIOLATION
};

#define JOURNAL_PARTIAL 0x01u /* flags: the line goes on in the stream's next record */

/* A copy of another replica's journal (state/shadow_file.h): first_event may also go back, when
 * more of the original was fetched, and records before it may be zeros. */
#define JOURNAL_SHADOW UINT64_C(0x01)

struct journal_header {
    uint64_t magic;
    uint32_t version;
    uint32_t record_size;  /* 32 */
    uint64_t first_event;  /* records before it lost their bytes to retention */
    uint64_t first_offset; /* bytes of output before it are a hole */
    uint64_t flags;        /* JOURNAL_SHADOW */
    uint64_t reserved[3];
};
static_assert(sizeof(struct journal_header) == 64, "drawn above");

struct journal_record {
    uint64_t offset; /* of the first byte in output; for events without bytes: where output stood */
    uint32_t length; /* bytes, at most JOURNAL_RECORD_MAX */
    uint8_t type;    /* enum journal_type */
    uint8_t flags;   /* JOURNAL_PARTIAL */
    uint16_t note_bytes; /* of its note; 0: it has none */
    uint64_t time_us;    /* CLOCK_REALTIME, microseconds since 1970 */
    uint64_t value;      /* by type, see enum journal_type */
};
static_assert(sizeof(struct journal_record) == 32, "drawn above");

#define JOURNAL_NOTE_MAX   1024u  /* bytes of one note … */
#define JOURNAL_NOTES_MAX  100u   /* … and how many there are at most */
#define JOURNAL_RECORD_MAX 65536u /* the keeper reads at most so much at once */
