#pragma once
/*
 * MCP sessions of the revisions before 2026-07-28: one small object and one file
 * <state_dir>/sessions/<id>.json each, so that ids stay valid over a restart. Any thread: a mutex
 * in session.c guards the table, because every request of these revisions must be checked and a
 * trip to the reactor for it would double the cost of a ping. Objects are reference counted.
 */
#include <stdbool.h>
#include <stdint.h>

#include "state/base/id.h"
#include "state/base/macro.h"

/* RFC 5424 has 0 … 7. */
#define SESSION_LEVEL_UNSET 8

struct session {
    char id[ID_MAX + 1];
    char *principal;     /* owned; constant */
    char *revision;      /* owned; "2025-06-18"; constant */
    char *client;        /* owned or NULL; for people; constant */
    char *capabilities;  /* owned or NULL; JSON text of the client's capabilities; constant */
    uint64_t created_us; /* CLOCK_REALTIME; constant */
    _Atomic uint64_t last_seen_ms; /* CLOCK_MONOTONIC */
    _Atomic int log_level;         /* RFC 5424 number, or SESSION_LEVEL_UNSET */
    _Atomic int refs;
};

struct sessions;

/* Reads what is on disk below state_dir. 0 or -errno. */
MUST_USE int sessions_new(const char *state_dir, const char *replica, unsigned max, uint64_t ttl_ms,
                          struct sessions **ret);
struct sessions *sessions_free(struct sessions *s);

enum session_outcome { SESSION_OK = 0, SESSION_E_FULL = 1 };
/* A new session, with a reference for the caller. Positive: table full even after expiry. -errno.
 */
MUST_USE int session_create(struct sessions *s, const char *principal, const char *revision,
                            const char *client, const char *capabilities, struct session **ret);
/* With a reference, last_seen refreshed; NULL when unknown, ended, expired or another principal's.
 */
struct session *session_find(struct sessions *s, const char *id, const char *principal);
/* Ends it: true when it was there and the principal's. */
bool session_end(struct sessions *s, const char *id, const char *principal);
/* Is it in the table, whoever's it is? It may have expired. */
bool sessions_has(struct sessions *s, const char *id);
struct session *session_ref(struct session *s);
void session_unref(struct session *s);
void session_unrefp(struct session **s);
/* Drops what has expired; the reactor calls it now and then. */
void sessions_expire(struct sessions *s);
unsigned sessions_count(struct sessions *s);
