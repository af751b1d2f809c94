#pragma once
/* Starts a command: its descriptors, environment and group are made, then a child like vfork's,
 * steps, exec. Blocks until the program runs or failed to, some 50 us (measured 2025-11). One
 * thread. */
#include "exec/keeper/cgroup.h"
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
