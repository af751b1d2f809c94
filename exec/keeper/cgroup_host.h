#pragma once
/*
 * What cgroups this machine lets us make, looked for once, at start-up. Of version 2 one group for
 * each execution, by which its processes are known and ended; its memory and its number of
 * processes are limited there too when the controllers can be had: as root, or in a group that was
 * delegated to us (systemd: Delegate=yes). A controller that only version 1 offers is used there.
 *
 *    v2:  <our group>/mcp-exec-<hash of the state directory>/<execution id>
 *    v1:  <our group of the hierarchy>/mcp-exec-<…>/<execution id>
 *
 * In version 2 a group with processes can't hand controllers on ("no internal processes", the
 * kernel's Documentation/admin-guide/cgroup-v2.rst). So that <our group> can, we move what is there
 * to a leaf, <our group>/mcp-exec-host, but only what is ours to move: when the group was
 * delegated, is the root of a container, or holds nothing but the server and its keeper.
 */
#include <stdbool.h>

#include "state/base/macro.h"

/* What is limited, for a tree as a whole. */
enum cgroup_controller {
    CGROUP_MEMORY,
    CGROUP_PIDS,
    CGROUP_CPU, /* its time is counted; version 2 does so without a controller */
    CGROUP_CONTROLLERS
};
#define CGROUP_BIT(controller) (1u << (controller))

struct cgroup_host {
    char *base;                   /* owned: v2; NULL: no group can be made */
    char *v1[CGROUP_CONTROLLERS]; /* owned: v1, where v2 has it not; NULL: none */
    unsigned unified;             /* CGROUP_BIT()s: v2 has it */
};

struct codec;

/* Of the groups that hold all of ours: two state directories on one machine must not share them.
 * Caller frees. */
char *cgroup_base_name(const char *state_dir);

/* Makes the bases; one without any is legal, and what is missing is missing. */
void cgroup_host_init(struct cgroup_host *h, const char *state_dir);
/* The same, to look only: what would have to be moved for it is left alone. */
void cgroup_host_probe(struct cgroup_host *h);
/* Removes the bases, if they are empty, and forgets them. */
void cgroup_host_deinit(struct cgroup_host *h);
/* CGROUP_BIT()s of what can be limited for a tree. */
unsigned cgroup_host_controllers(const struct cgroup_host *h);
/* Any group at all, in which processes can be found. */
bool cgroup_host_has_any(const struct cgroup_host *h);

void cgroup_host_walk(struct cgroup_host *h, struct codec *c); /* over an upgrade */
