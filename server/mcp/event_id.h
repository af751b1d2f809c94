#pragma once
/*
 * Places in an execution's output, and the ids that clients see of them. The id of an event is the
 * number of its record; everything up to and including that event was seen. Where an answer ends
 * inside an event, the id says how far: "16.04096" is event 16, and of event 17 the first 4096
 * bytes (five digits, so that ids grow in whatever way they are compared). Pure, any thread.
 */
#include <stdbool.h>
#include <stdint.h>

/* Events before `event` were seen, and `offset` bytes of that one. {0, 0}: nothing yet. */
struct output_pos {
    uint64_t event;
    uint32_t offset;
};

#define EVENT_ID_MAX 32 /* characters, without the NUL */

/* False for {0, x}, which has no id: nothing was seen. (Event 0 is "ready" and has no bytes.) */
bool event_id_format(struct output_pos pos, char ret[EVENT_ID_MAX + 1]);
/* False when it is not of the form above. */
bool event_id_parse(const char *id, struct output_pos *ret);

static inline bool output_pos_equal(struct output_pos a, struct output_pos b)
{
    return a.event == b.event && a.offset == b.offset;
}
