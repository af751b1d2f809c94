#pragma once
/*
 * A real mcp-exec-keeper in a state directory of its own, and a keeper_client on a real event loop
 * in front of it. Everything that waits has a bound and says what it waited for.
 */
#include <event2/event.h>

#include "exec/keeper_client.h"
#include "state/base/buf.h"
#include "state/execution.h"

#define FIXTURE_WAIT_MS        20000
#define FIXTURE_EXECUTIONS_MAX 256

/* One execution as the client saw it. */
struct seen {
    char id[EXECUTION_ID_MAX + 1];
    char *dir; /* owned: of its journal */
    pid_t pid;
    unsigned n_started, n_ended, n_running, n_grew, n_listeners;
    int listener_fd;              /* owned: the last one; -1 */
    struct keeper_running totals; /* of the last GREW or RUNNING */
    bool has_waited;              /* one of them said that it waits for input */
};

struct fixture {
    char *state_dir; /* owned */
    char *program;   /* owned: the keeper, or a script that runs it */
    struct event_base *base;
    struct keeper_client *client;
    struct seen *seen[FIXTURE_EXECUTIONS_MAX]; /* owned */
    size_t n_seen;
    unsigned n_ready, n_gone;
    uint64_t token; /* of the last on_stdin, and its result */
    enum keeper_stdin_result result;
};

/* What sandboxes of its executions have in common; NULL: there are none. */
extern const struct keeper_sandbox *fixture_sandbox;
struct fixture *fixture_new(bool with_cgroup);
/* The keeper is run by a shell script after these lines. */
struct fixture *fixture_new_after(const char *lines);
void fixture_free(struct fixture *f); /* ends its keeper, removes the directory */
/* A client object of its own instead of the present one. */
void fixture_detach(struct fixture *f);
void fixture_attach(struct fixture *f);
/* A connection of its own, blocking, for what keeper_client would not say; caller closes. */
int fixture_connect(const struct fixture *f);
pid_t fixture_keeper_pid(const struct fixture *f);

/* A spec to change before fixture_spawn(): runs argv, NULL-terminated, in /. */
struct exec_spec *fixture_spec(const char *const *argv);
/* The same for `sh -c script`. */
struct exec_spec *fixture_script(const char *script);
/* Makes the journal's directory, sends it and frees the spec. */
struct seen *fixture_spawn(struct fixture *f, struct exec_spec *s);
struct seen *fixture_find(struct fixture *f, const char *id);

/* Runs the loop until is_done() says so; fails the test with `what` after FIXTURE_WAIT_MS. */
void fixture_wait(struct fixture *f, bool (*is_done)(struct fixture *f, void *arg), void *arg,
                  const char *what);
void fixture_wait_ready(struct fixture *f);
struct execution_exit fixture_wait_ended(struct fixture *f, struct seen *s);
/* Until the stream's text so far contains `text`. */
void fixture_wait_output(struct fixture *f, struct seen *s, const char *text);
/* Writes and waits for how it went. */
enum keeper_stdin_result fixture_stdin(struct fixture *f, struct seen *s, const char *text,
                                       bool eof, const char *input_id);

/* All that a stream (JOURNAL_STDOUT …) wrote, NUL-terminated, after checking that the journal is
 * sound: offsets without gaps, whole lines, no character cut. Caller frees. */
char *fixture_output(struct fixture *f, struct seen *s, int stream, size_t *ret_len);
/* How many records of this type there are. */
unsigned fixture_count(struct fixture *f, struct seen *s, int type);
/* Processes that carry the execution's mark. One that execs shows none for a moment. */
unsigned fixture_processes(const struct seen *s);
void fixture_wait_processes(struct fixture *f, const struct seen *s, unsigned n);
