#pragma once
/*
 * One cgroup v2 group for each execution: every process of it is in there, whatever it does to
 * its session, environment or parents, and cgroup.kill (Linux 5.14) ends them all at once. See the
 * kernel's Documentation/admin-guide/cgroup-v2.rst.
 *
 *    <our own group>/mcp-exec-<hash of the state directory>/<execution id>
 *
 * No controllers are asked for. Paths are absolute, malloc'd. One thread; nothing here waits.
 */
#include <stdbool.h>

#include "exec/keeper/proc.h"

/* Of the group that holds all of ours: two state directories on one machine must not share it.
 * Caller frees. */
char *cgroup_base_name(const char *state_dir);

/* Makes it. 0; -ENOTSUP: this machine or user has none; -errno. */
MUST_USE int cgroup_make_base(const char *state_dir, char **ret_path);

/* A new group below base, and its directory, opened, for clone_into_cgroup(). 0 or -errno. */
MUST_USE int cgroup_make(const char *base, const char *id, char **ret_path, int *ret_fd);
/* Adds all that live in the group and in groups below it. 0 or -errno. */
MUST_USE int cgroup_find(const char *path, struct pids *ret);
/* KILL to all in it and below. Whether it worked shows when they are gone. */
void cgroup_kill(const char *path);
/* Removes the group and groups below it. 0, also when it is gone; -EBUSY: somebody lives there. */
MUST_USE int cgroup_remove(const char *path);
