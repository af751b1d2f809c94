#pragma once
/*
 * Which processes belong to an execution, by /proc. Used where no cgroup can be made, and by the
 * sweep at start-up. Every process of a command stays below the keeper, since it is a subreaper;
 * below it, a process is an execution's when it is in the command's session or process group,
 * carries the mark in its environment, or its parent belongs. One thread; takes a millisecond or
 * so, by the number of processes of the machine.
 */
#include <stdbool.h>

#include <sys/types.h>

#include "state/base/macro.h"

/* In the environment of every command: NAME=<id>. */
#define PROC_MARK "MCP_EXECUTION_ID"
/* In that of bwrap, of all sandboxes of a state directory: NAME=<cgroup_base_name()>. */
#define PROC_SANDBOX_MARK "MCP_EXECD_SANDBOX"

/* A set of process ids. Zeroed is empty and legal. */
struct pids {
    pid_t *v; /* owned */
    size_t n, cap;
};
void pids_deinit(struct pids *p);
void pids_add(struct pids *p, pid_t pid); /* once */

enum proc_outcome {
    PROC_OK = 0,
    PROC_UNSURE = 1 /* somebody below us shows no environment now, as during an exec: look again */
};
/* Living processes of the execution `id`, whose command is or was the process `main`. With
 * `is_only` all that live below us: no other execution is there that they could belong to. An
 * outcome or -errno. */
MUST_USE int proc_find(const char *id, pid_t main, bool is_only, struct pids *ret);

/* Whether the process shows an environment; if so, *ret_mark is the value of the mark or NULL, the
 * caller's. */
MUST_USE bool proc_read_mark(pid_t pid, char **ret_mark);
/* The same for any variable. */
MUST_USE bool proc_read_variable(pid_t pid, const char *name, char **ret_value);
/* Calls fn for each process but ourselves. 0 or -errno. */
MUST_USE int proc_each(void (*fn)(pid_t pid, void *arg), void *arg);
/* A process that has gone meanwhile is fine. */
void proc_signal(const struct pids *p, int signo);
