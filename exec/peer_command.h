#pragma once
/*
 * Commands to the replica that runs an execution, and the answers. At most once: the owner takes a
 * command out of its stream (XDEL) before it carries it out, and carries out none whose time is
 * over. Who asks waits a little longer than that, then takes back what was not taken: so each
 * command ends as done, as not done, or, when an answer was lost, as not known.
 */
#include "exec/shadow.h"
#include "state/peer_message.h"

struct redisReply;

/* Takes a call (CALL_STDIN, CALL_CANCEL) about a shadow. */
void peer_command_call(struct shadow *sh, struct call *c);
/* Asks for events before `before`, down to `down_to`; false: it could not be sent. Ends in
 * shadow_refilled(). */
MUST_USE bool peer_command_refill(struct shadow *sh, uint64_t before, uint64_t down_to);
/* An answer came in. */
void peer_command_answered(struct peers *p, const struct peer_message *m);
struct call *peer_command_take_call(struct peers *p, uint64_t serial);
void peer_command_release_all(struct peers *p, enum call_outcome o);

/* shadow_refill.c; m NULL: there was no answer, because of o. */
void shadow_refilled(struct shadow *sh, const struct peer_message *m, enum call_outcome o);

/* peer_serve.c: the other end. Entries of our own stream. */
void peer_serve_entry(void *arg, const char *entry_id, const struct redisReply *fields);
void peer_serve_init(struct peers *p);
