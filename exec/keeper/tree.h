#pragma once
/*
 * All processes of one execution: found and ended by their cgroup where there is one, else by
 * exec/keeper/proc.h. One thread; nothing here waits.
 */
#include "exec/keeper/cgroup.h"
#include "exec/keeper/proc.h"

struct codec;

struct tree {
    const char *id; /* borrowed from the execution */
    struct cgroup cgroup;
    pid_t main;         /* the command; reaped or not */
    struct pids killed; /* processes but main that had to be killed */
    unsigned doubts;    /* how often we looked again only because somebody could not be told */
};

void tree_deinit(struct tree *t);
/* TERM (or another signal that asks) to all of them, and CONT so that stopped ones hear it. */
void tree_ask(const struct tree *t, int signo, bool is_only);
/* KILL to all of them. True: nobody is left and the cgroup is gone; false: ask again in some
 * milliseconds. `is_only`: no other execution runs. */
MUST_USE bool tree_kill(struct tree *t, bool is_only);

/* At most `max` of them, for a look that must cost little: from the command downwards, then those
 * of its group whose parent has ended. */
void tree_list(const struct tree *t, size_t max, struct pids *ret);

void tree_walk(struct tree *t, struct codec *c);
