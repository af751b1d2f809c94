#pragma once
/*
 * Sessions of several replicas in one table. What another replica made is imported when somebody
 * asks for it. What others did to a session since (ended it, another log level) is told by a
 * channel; as long as its news come, what is in the table is so. When they stop, everything has to
 * be asked again once they come back: each entry knows since when it can be trusted. Any thread.
 */
#include "state/session.h"

/* A session as another replica, or Redis, tells of it. Strings are borrowed. */
struct session_facts {
    const char *id, *principal, *revision;
    const char *client, *capabilities; /* or NULL */
    uint64_t created_us;
    int log_level; /* RFC 5424 number, or SESSION_LEVEL_UNSET */
};

/* There are other replicas: what is not in the table may be theirs. Before threads start. */
void sessions_share(struct sessions *s);
/* News of others come from now on, or no longer. */
void sessions_trust(struct sessions *s, bool is_trusting);

enum session_known {
    SESSION_KNOWN,  /* it is in the table, and so; or nobody else can be asked */
    SESSION_UNSURE, /* Redis knows */
};
/* Whoever's it is. False ids are known not to be. */
enum session_known sessions_know(struct sessions *s, const char *id);
/* Puts it in, or brings it up to date. SESSION_OK, SESSION_E_FULL. */
MUST_USE enum session_outcome session_import(struct sessions *s, const struct session_facts *f);
/* Another replica ended it. True: it was in the table. */
bool sessions_drop(struct sessions *s, const char *id);
void sessions_set_level(struct sessions *s, const char *id, int log_level);
/* Redis does not have it. Our own stays, and is returned with a reference: Redis is to have it
 * (again). NULL: it is not ours. */
struct session *sessions_keep_own(struct sessions *s, const char *id);

/* References to our own sessions (all) or to any seen since a time (CLOCK_MONOTONIC); returns how
 * many. The caller frees the array. */
size_t sessions_list_own(struct sessions *s, struct session ***ret);
size_t sessions_list_seen(struct sessions *s, uint64_t since_ms, struct session ***ret);
