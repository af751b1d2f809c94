#pragma once
/*
 * What was asked: the file spec.json of a journal. Made by server/ from a call's arguments, kept by
 * exec/ until the spawn, written before it; mode 0600, since it holds the environment.
 * Owned by whoever holds the pointer; one thread at a time.
 */
#include "state/base/macro.h"
#include "state/execution.h"
#include "state/spec_sandbox.h"

struct exec_spec {
    char id[EXECUTION_ID_MAX + 1];
    char *principal;       /* owned; who may see it */
    char *session_id;      /* owned or NULL */
    char *command;         /* owned; for people: the command, or "python: <code>" */
    char **argv;           /* owned, NULL-terminated; argv[0] is an absolute path */
    char **env;            /* owned, NULL-terminated NAME=VALUE; all of it, nothing is inherited */
    char *cwd;             /* owned, absolute; with a sandbox, a path in there */
    char *idempotency_key; /* owned or NULL */
    char *request_hash; /* owned or NULL: hex SHA-256 of what was asked, with an idempotency key */
    char *output; /* owned or NULL: JSON text, how the caller wants its output: for later answers */
    bool interactive; /* stdin stays open for send_stdin */
    bool pty;
    bool sync;           /* the caller waited for it: a cancelled request ends it */
    uint64_t created_us; /* CLOCK_REALTIME */
    struct execution_limits limits;
    struct spec_sandbox *sandbox; /* owned; NULL: it runs as the keeper does */
};

struct exec_spec *exec_spec_free(struct exec_spec *s);
void exec_spec_freep(struct exec_spec **s);

/* Writes <dir>/spec.json (temporary file, rename). 0 or -errno. */
MUST_USE int exec_spec_write(const struct exec_spec *s, const char *dir);
/* -ENOENT: none there; -EBADMSG: not a spec. */
MUST_USE int exec_spec_read(const char *dir, struct exec_spec **ret);
