#pragma once
/*
 * What a note in a journal says (journal_format.h): a JSON object of a few strings, which clients
 * see as members of the event. Pure, any thread.
 */
#include "state/base/json.h"
#include "state/journal_format.h"

/* NULL: it does not say. Borrowed. */
struct journal_note {
    const char *reason;            /* in a word */
    const char *message;           /* for people */
    const char *target;            /* what was refused */
    const char *configuration_key; /* what would allow it */
};

/* The members, behind others in an object that is being written. */
void journal_note_append(const struct journal_note *n, struct buf *to);
/* The object. False: it would be longer than JOURNAL_NOTE_MAX, and nothing is written. */
MUST_USE bool journal_note_write(const struct journal_note *n, struct buf *to);
/* Those strings that are there; they live as long as `o`. */
struct journal_note journal_note_get(const cJSON *o);
