#pragma once
/*
 * At start-up, before anybody is served: ends what a keeper that died left behind. Its commands die
 * with it (PR_SET_PDEATHSIG), their children need not. Known by their cgroup, or by the mark in
 * their environment that names an execution of our state directory without a file exit. Blocks, a
 * few seconds at most.
 */
#include "exec/keeper/cgroup_host.h"

/* Logs what it found. */
void sweep_leftovers(const char *state_dir);
/* For the next one's sweep: where our groups are. */
void sweep_record_groups(const char *state_dir, const struct cgroup_host *h);
