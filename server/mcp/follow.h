#pragma once
/*
 * The tasks that a stream follows: those a subscriptions/listen names, and of a session those that
 * it began (2025-11-25). What is told of a task is the whole of it, so each
 * change leads to a look: a tasks/get that the stream makes for itself, one at a time for each
 * task; what changes meanwhile leads to one more. Home thread of the stream.
 */
#include "server/mcp/stream.h"

/* Follows a task, also in the hub. False: too many, no id can be so long, or it is followed
 * already. */
MUST_USE bool follow_add(struct stream *s, const char *id);
/* The same for a task that the stream's session began: its status is told until it is final. */
void follow_to_end(struct stream *s, const char *id);
/* The task changed: looks at it, and writes what it sees. */
void follow_look(struct stream *s, const char *id);
/* The same for each: how they stand at the beginning. */
void follow_look_all(struct stream *s);
/* The stream closes. The hub's part ends with its subscriptions. */
void follow_end(struct stream *s);
