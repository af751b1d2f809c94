#pragma once
/*
 * The limits of an execution that hold for its whole tree, set in its cgroups, and what the kernel
 * counted there. What has no cgroup is limited for each process, by steps.c. One thread; nothing
 * here waits.
 *
 *             version 2                     version 1                 without
 *    memory   memory.max, no swap, the      memory.limit_in_bytes     RLIMIT_AS
 *             whole group ends             (swap counts, if counted)
 *    pids     pids.max                      pids.max                  RLIMIT_NPROC: of the user
 *    CPU      cpu.stat, looked at           cpuacct.usage             RLIMIT_CPU (always set)
 */
#include "exec/keeper/cgroup.h"
#include "state/execution.h"

/* CGROUP_BIT()s of the controllers that these limits need. */
unsigned limits_controllers(const struct execution_limits *l);
/* Sets them in groups where nobody runs yet. *ret_held: CGROUP_BIT()s of those that hold for the
 * tree. 0; -errno and *ret_failed, which one could not be set although it is there. */
MUST_USE int limits_set(const struct cgroup_host *h, const struct cgroup *g,
                        const struct execution_limits *l, unsigned *ret_held,
                        enum cgroup_controller *ret_failed);
const char *limits_controller_name(enum cgroup_controller c); /* "memory" … */

/* How often a process of the tree was killed since its memory was used up. 0 also if not known. */
uint64_t limits_oom_kills(const struct cgroup_host *h, const struct cgroup *g);
/* Most memory at a time, bytes. */
uint64_t limits_memory_peak(const struct cgroup_host *h, const struct cgroup *g);
/* How often a process could not be made. */
uint64_t limits_refused_forks(const struct cgroup_host *h, const struct cgroup *g);
/* CPU time of all that live and lived there, microseconds. */
uint64_t limits_cpu_us(const struct cgroup_host *h, const struct cgroup *g);
