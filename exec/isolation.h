#pragma once
/*
 * What this server isolates commands with, found out once at its start: bwrap, init, the filter of
 * system calls, and whom commands run as. Constant afterwards but for the users of workspaces,
 * which a mutex guards; any thread.
 */
#include "config/config.h"
#include "exec/keeper_wire.h"
#include "exec/sandbox_wrap.h"
#include "state/spec.h"

struct isolation;

/* *ret is NULL when the profile in force isolates nothing. 0; or -errno and a malloc'd *ret_error:
 * it can't be had here, and what to do about it. config outlives it. */
MUST_USE int isolation_new(const struct config *c, struct isolation **ret, char **ret_error);
struct isolation *isolation_free(struct isolation *i);

const struct config_profile *isolation_profile(const struct isolation *i);
/* Of what commands may write, the first path that is not there: it is left out. NULL: all are. */
const char *isolation_missing(const struct isolation *i);
/* For keeper_client_options. */
const struct keeper_sandbox *isolation_common(const struct isolation *i);

/* Makes the directory if it isn't there, and makes it the one of a user of the range if we are
 * root: *ret_uid, 0: ours. 0; -EUSERS: there is no user left; -errno. */
MUST_USE int isolation_make_workspace(struct isolation *i, const char *path, uint64_t *ret_uid);

/* How a command in this workspace is isolated; asked: what its call wants, or NULL. */
struct spec_sandbox *isolation_make(const struct isolation *i, const char *workspace, uint64_t uid,
                                    const struct sandbox_paths *asked);

/* Tries it: a sandbox is made by the keeper's program, and thrown away. 0; -errno and a malloc'd
 * *ret_error. Blocks for some ten milliseconds. */
MUST_USE int isolation_try(struct isolation *i, const char *keeper, const char *state_dir,
                           char **ret_error);
