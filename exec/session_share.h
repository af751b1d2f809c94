#pragma once
/*
 * Sessions and the other replicas: `session:<sid>` in Redis says what each needs to serve one, the
 * channel `sessions` tells what happened to one. Calls (CALL_SESSION) ask here; each is answered
 * once Redis has acknowledged, or can't be asked. Reactor thread only.
 */
#include "exec/call.h"
#include "exec/reactor.h"
#include "state/redis.h"
#include "state/session.h"

struct event_base;
struct session_share;

/* All is borrowed; redis_free() comes before session_share_free(). */
struct session_share *session_share_new(const struct config *c, struct redis *redis,
                                        struct sessions *sessions);
struct session_share *session_share_free(struct session_share *s);
/* Told of sessions that another replica ended. Before the loop runs. */
void session_share_on_end(struct session_share *s, reactor_session_fn *fn, void *arg);
/* Takes a CALL_SESSION. */
void session_share_call(struct session_share *s, struct call *c);
/* Answers what is under way: the server ends. */
void session_share_release_all(struct session_share *s);
void session_share_tick(struct session_share *s); /* once a second */
