#pragma once
/*
 * The groups of one execution: every process of it is in there from its birth, whatever it does to
 * its session, environment or parents. One of version 2, where cgroup.kill (Linux 5.14) ends all at
 * once, and one for each controller that is used by version 1 (cgroup_host.h). Groups that the
 * command makes below them are found and removed with them. Paths are absolute. One thread; nothing
 * here waits.
 */
#include "exec/keeper/cgroup_host.h"
#include "exec/keeper/proc.h"

struct cgroup {
    char *path;                   /* owned: v2; NULL: none */
    char *v1[CGROUP_CONTROLLERS]; /* owned; NULL: none */
};

/* How a child gets in: it is born in unified_fd, clone_into_cgroup(), and writes "0" to the others
 * before anything else. -1: none. */
struct cgroup_entry {
    int unified_fd;
    int task_fds[CGROUP_CONTROLLERS];
};
#define CGROUP_ENTRY_NONE ((struct cgroup_entry){-1, {-1, -1, -1}})

/* New groups, with those of version 1 that are wanted (CGROUP_BIT()s); without any of version 2
 * always one, to find the processes. 0; -errno: what was made is in *ret all the same. */
MUST_USE int cgroup_make(const struct cgroup_host *h, const char *id, unsigned wanted,
                         struct cgroup *ret, struct cgroup_entry *ret_entry);
void cgroup_entry_deinit(struct cgroup_entry *e);
void cgroup_deinit(struct cgroup *g); /* forgets them; see cgroup_remove() */
bool cgroup_is_there(const struct cgroup *g);
/* Where the controller's files are, by version 1 if *ret_is_v1; NULL: it is not there. */
const char *cgroup_of(const struct cgroup *g, const struct cgroup_host *h,
                      enum cgroup_controller controller, bool *ret_is_v1);

/* Adds all that live in the groups and below. 0 or -errno. */
MUST_USE int cgroup_find(const struct cgroup *g, struct pids *ret);
/* KILL to all in it and below. Whether it worked shows when they are gone. */
void cgroup_kill(const struct cgroup *g);
/* Removes the groups and those below. 0, also when they are gone; -EBUSY: somebody lives there. */
MUST_USE int cgroup_remove(const struct cgroup *g);

void cgroup_walk(struct cgroup *g, struct codec *c); /* over an upgrade */

/* The same for one directory, of either version. */
MUST_USE int cgroup_find_members(const char *path, struct pids *ret); /* not those below */
MUST_USE int cgroup_find_processes(const char *path, struct pids *ret);
void cgroup_kill_path(const char *path);
MUST_USE int cgroup_remove_path(const char *path);
