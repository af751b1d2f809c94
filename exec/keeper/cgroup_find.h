#pragma once
/* Where in the file system our own cgroups are. See cgroups(7) and proc_pid_mountinfo(5). One
 * thread. */
#include <stdbool.h>

#include "state/base/macro.h"

struct cgroup_place {
    char *path;   /* owned; NULL: there is no such hierarchy, or it is not mounted */
    bool is_root; /* of what we can see: of the machine, or of a container */
};

/* controller: of version 1; NULL: version 2. True if there is one; the path is the caller's. */
MUST_USE bool cgroup_find_own(const char *controller, struct cgroup_place *ret);
/* The same, from the texts of /proc/self/cgroup and /proc/self/mountinfo, which it takes apart. */
MUST_USE bool cgroup_find_in(char *own, char *mounts, const char *controller,
                             struct cgroup_place *ret);
