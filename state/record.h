#pragma once
/*
 * What Redis holds of an execution (contract, section 3), as text and as values:
 *
 *   execution:<id>         one JSON object, the record: below
 *   execution:<id>:output  a list of JSON objects, the events, from event `first_event` on
 *
 * Never in it: environment, standard input, the argv that a runtime made of code. What is read may
 * have been written by anybody who reaches Redis: nothing is believed, and a text that does not say
 * exactly what it must is refused whole. Pure, any thread.
 */
#include "state/base/buf.h"
#include "state/execution.h"
#include "state/journal_format.h"

#define RECORD_REPLICA_MAX 24

struct record {
    char id[EXECUTION_ID_MAX + 1];
    enum execution_status status;
    char replica[RECORD_REPLICA_MAX + 1]; /* which runs it: the owner */
    char *principal;                      /* owned: "owner" in the JSON */
    char *session_id;                     /* owned or NULL */
    char *command;                        /* owned */
    char *output;                         /* owned or NULL: exec_spec.output */
    bool interactive;
    enum execution_waiting waiting;                  /* for input */
    uint64_t inputs;                                 /* written to its stdin so far */
    uint64_t created_us, started_us, last_output_us; /* CLOCK_REALTIME; 0: not yet */
    uint64_t changed_us;                             /* the same: of status or waiting */
    uint64_t events;                                 /* all there ever were */
    uint64_t output_bytes;                           /* the same: "bytes_out" */
    uint64_t first_event, first_offset;              /* where the list begins */
    bool has_exit;
    struct execution_exit exit;                /* has_exit */
    char stdout_sha256[65], stderr_sha256[65]; /* "" : not known here */
    char *reserved; /* owned or NULL: it was not accepted yet, only this idempotency key is kept for
                       it */
    char request_hash[65]; /* "": it was started without an idempotency key */
};

void record_deinit(struct record *r); /* frees what it owns; zeroed afterwards */
/* The status stands in the first RECORD_HEAD_MAX bytes as "status":"…", before all that a client
 * may have chosen: scripts need not decode the whole. */
#define RECORD_HEAD_MAX 256
void record_write(const struct record *r, struct buf *to);
/* False: that is no record. *ret is only then the caller's to deinit. */
MUST_USE bool record_read(const char *text, size_t len, struct record *ret);

/* One event: a record of the journal's index with its bytes. */
struct record_event {
    uint64_t number;
    struct journal_record record; /* offset: where its bytes begin in the whole output */
    const char *data;             /* borrowed; record.length bytes, or those of its note
                                     (record.note_bytes; journal_read_note()) */
};
/* exit: the file exit, for the events `exit` and `error`; NULL: there is none. */
void record_event_write(const struct record_event *e, const struct execution_exit *exit,
                        struct buf *to);
/* All but record.offset comes from the text: the reader counts offsets. Bytes are put into `data`,
 * which is emptied first, and the event borrows them. False: that is no event. */
MUST_USE bool record_event_read(const char *text, size_t len, struct buf *data,
                                struct record_event *ret);

/* ---- names of keys; id, session and replica have passed their checks; ':' and '%' of a principal
 * are written as "%3A" and "%25" ---- */

char *record_key(const char *id);              /* execution:<id>; also the channel's name */
char *record_output_key(const char *id);       /* execution:<id>:output */
char *record_owner_key(const char *principal); /* owner:<principal>:executions */
char *record_idempotency_key(const char *principal, const char *key);
char *record_session_key(const char *session_id); /* session:<sid>:executions */
char *record_running_key(const char *replica);    /* replica:<rid>:running, a set: its executions
                                                     that have not ended */
