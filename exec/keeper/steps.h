#pragma once
/*
 * What a child does between its birth and exec, a function for each step. It shares our memory and
 * must not allocate, log, or return: system calls on what the plan holds only.
 */
#include <signal.h>

#include <sys/types.h>

#include "state/execution.h"

/* Made before; all borrowed. */
struct plan {
    char **argv, **env;
    const char *cwd;
    int in_fd, out_fd, err_fd; /* from 3 up */
    bool is_pty;               /* out_fd is a terminal, which becomes the controlling one */
    pid_t keeper;
    uint64_t open_files; /* soft limit of one without max_open_files */
    const struct execution_limits *limits;
    const int *task_fds; /* CGROUP_CONTROLLERS of them, see cgroup_entry */
    unsigned held;       /* CGROUP_BIT()s: limits that a group holds, so that rlimits need not */
    const int *more_fds; /* become 3, 4 …; all of them above what they become */
    int n_more_fds;
    /* The user and group that it runs as; 0: ours. It may not be able to reach its workspace by
     * path: that is mounted on `stage`, in a mount namespace of its own. */
    unsigned uid;
    const char *workspace, *stage;
};

struct step_failure {
    int step;  /* for step_name() */
    int error; /* errno */
};

/* In the child: does not return unless a step fails. */
struct step_failure steps_run(const struct plan *p);
const char *step_name(int step);
/* What the step was about, for people: "chdir /nope"; NULL: nothing to name. */
const char *step_object(int step, const struct plan *p);

/* Signals that the keeper ignores and its children must not. 0 ends it. */
extern const int steps_ignored_signals[];
