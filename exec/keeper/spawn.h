#pragma once
/* Starts a command: its descriptors, environment and group are made, then a child like vfork's,
 * steps, exec. Blocks until the program runs or failed to, some 50 us (measured 2025-11). One
 * thread. */
#include "exec/keeper/cgroup.h"
#include "exec/keeper/steps.h"
#include "exec/keeper_wire.h"
#include "state/base/macro.h"

struct spawned {
    pid_t pid;
    int in_fd;            /* writes to its stdin; -1: it has none */
    int out_fd;           /* reads its stdout, or all that its terminal prints */
    int err_fd;           /* reads its stderr; -1: it has a terminal */
    struct cgroup cgroup; /* owned; there also when it could not be started */
    unsigned held;        /* CGROUP_BIT()s: limits that hold for its tree */
};

struct spawn_error {
    int error; /* errno */
    char text[200];
};

/* open_files is the soft limit when the spec has none. True, or false with
 * what went wrong. All descriptors of ours do not block. */
MUST_USE bool spawn_start(const char *id, const struct keeper_spawn *s, const struct cgroup_host *h,
                          uint64_t open_files, struct spawned *ret, struct spawn_error *ret_error);

/* ---- its parts, for sandbox_start.c ---- */

struct spawn_groups {
    struct cgroup cgroup;      /* owned */
    struct cgroup_entry entry; /* owned */
    unsigned held;             /* CGROUP_BIT()s: limits that hold for its tree */
};
void spawn_groups_deinit(struct spawn_groups *g);
/* Without a group unless its limits need one. True, or false with what went wrong; what was made is
 * in *ret all the same. */
MUST_USE bool spawn_make_cgroup(const struct cgroup_host *h, const char *id,
                                const struct execution_limits *l, struct spawn_groups *ret,
                                struct spawn_error *e);
/* Births it into the group, -1: none, and waits for its exec. True, or false with what went wrong.
 */
MUST_USE bool spawn_run(const struct plan *p, int cgroup_fd, pid_t *ret_pid, struct spawn_error *e);
/* The command's environment, the mark first. The array is the caller's, the strings are not. */
char **spawn_environment(char *mark, char **env);
/* False. object may be NULL. */
bool spawn_fail(struct spawn_error *e, int error, const char *what, const char *object);
