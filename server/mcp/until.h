#pragma once
/*
 * Looks for a regular expression in output as it grows, in short steps. What was looked at is not
 * looked at again but for a little before it, so that a match may lie across two reads. Owned by
 * one request.
 */
#include "server/mcp/event_id.h"
#include "server/mcp/pattern.h"
#include "state/base/buf.h"

/* Of older output only so much is searched: a wait is for what comes. */
#define UNTIL_BACK_MAX  (64u << 20)
#define UNTIL_MATCH_MAX 1000 /* bytes of the match that are told */

struct until;

enum until_outcome {
    UNTIL_NO = 0, /* not in what is there now */
    UNTIL_YES,
    UNTIL_MORE,   /* call until_step() again */
    UNTIL_E_COST, /* the expression is too expensive for this output */
    UNTIL_E_PLACE /* `from` is no place in this execution */
};

/* Takes the pattern. `from`: what comes after it is searched. */
struct until *until_new(struct pattern *taken, const char *state_dir, const char *id,
                        struct output_pos from);
struct until *until_free(struct until *u);
/* Works for some milliseconds. An outcome or -errno. */
MUST_USE int until_step(struct until *u);
/* How many events there were when the last step ended with UNTIL_NO. */
uint64_t until_events(const struct until *u);
/* After UNTIL_YES: what matched, cut at UNTIL_MATCH_MAX. */
const struct buf *until_match(const struct until *u);
