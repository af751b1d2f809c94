#pragma once
/*
 * mcp-execd's end of the keeper's socket. Reactor thread only; libevent. Finds the keeper of the
 * state directory or starts it (posix_spawn), says hello, learns what runs, and reconnects by
 * itself when the keeper goes: a new one is at work within a second. Never blocks; what can't be
 * sent at once waits in a bounded queue.
 */
#include <sys/types.h>

#include <event2/event.h>

#include "exec/keeper_wire.h"
#include "state/base/macro.h"
#include "state/execution.h"
#include "state/spec.h"

struct keeper_client;

/* All on the reactor thread, from the event loop, never from inside a keeper_client_ function. */
struct keeper_client_events {
    /* After on_running for each execution that runs. From now on requests are taken. */
    void (*on_ready)(void *arg, const struct keeper_host *host);
    void (*on_running)(void *arg, const char *id, const struct keeper_running *r);
    void (*on_started)(void *arg, const char *id, pid_t pid, uint64_t started_us);
    /* There is more in the journal: totals now. Coalesced; at least one after each quiet spell. */
    void (*on_grew)(void *arg, const char *id, const struct keeper_running *r);
    /* The file exit is there (also when it could not be started: reason spawn_failed). */
    void (*on_ended)(void *arg, const char *id);
    /* The listening socket in the network namespace of an execution that may use the egress proxy;
     * takes fd, which does not block. After on_started; again after each on_running, so that one
     * that the caller has already may come twice. */
    void (*on_listener)(void *arg, const char *id, int fd);
    void (*on_stdin)(void *arg, uint64_t token, enum keeper_stdin_result result);
    /* The keeper went away; requests without an answer won't get one. on_ready follows. */
    void (*on_gone)(void *arg);
};

struct keeper_client_options {
    const char *state_dir;   /* <state_dir>/keeper.sock is the socket */
    const char *keeper_path; /* the program */
    bool is_tied;            /* a keeper that we start ends with us */
    const char *log_file;    /* handed on to a keeper that we start; may be NULL */
    /* What all sandboxes have in common: init, filter, pool. What it points to outlives the client.
     * NULL: none is ever asked for. */
    const struct keeper_sandbox *sandbox;
};

MUST_USE int keeper_client_new(struct event_base *base, const struct keeper_client_options *o,
                               const struct keeper_client_events *ev, void *arg,
                               struct keeper_client **ret);
struct keeper_client *keeper_client_free(struct keeper_client *k);
bool keeper_client_is_ready(const struct keeper_client *k);

/* 0; -ENOTCONN while it is away; -ENOBUFS when the queue is full; -E2BIG when a message is too
 * large (KEEPER_MESSAGE_MAX in keeper_wire.h: arguments and environment together). `dir` is the
 * execution's journal directory, which exists and holds spec.json. */
MUST_USE int keeper_client_spawn(struct keeper_client *k, const struct exec_spec *s,
                                 const char *dir);
/* len <= 64 KiB; token comes back in on_stdin; input_id may be NULL. */
MUST_USE int keeper_client_stdin(struct keeper_client *k, const char *id, uint64_t token,
                                 const void *data, size_t len, bool eof, const char *input_id);
/* reason: REASON_CANCELLED or REASON_SHUTDOWN (what the end will say); signo for
 * KEEPER_KILL_SIGNAL. */
MUST_USE int keeper_client_kill(struct keeper_client *k, const char *id, enum keeper_kill_mode mode,
                                int signo, enum execution_reason reason);
/* note: a JSON object of at most JOURNAL_NOTE_MAX bytes; type: JOURNAL_VIOLATION or
 * JOURNAL_LIMIT_MET. */
MUST_USE int keeper_client_note(struct keeper_client *k, const char *id, enum journal_type type,
                                const char *note);
/* Asks the keeper to end once nothing runs (we stop for good). */
MUST_USE int keeper_client_quit(struct keeper_client *k);
/* Asks it to execve() the program at keeper_path in place, keeping what runs. */
MUST_USE int keeper_client_upgrade(struct keeper_client *k);
