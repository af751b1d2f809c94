#include "exec/keeper/limits.h"

#include <errno.h>

#include "exec/keeper/cgroup_file.h"

unsigned limits_controllers(const struct execution_limits *l)
{
    return (l->max_memory_bytes ? CGROUP_BIT(CGROUP_MEMORY) : 0) |
           (l->max_processes ? CGROUP_BIT(CGROUP_PIDS) : 0) |
           (l->max_cpu_ms ? CGROUP_BIT(CGROUP_CPU) : 0);
}

/* Without swap, so that the limit is one of all it takes, and its end does not take minutes. Where
 * swap is not counted these files are not there. */
static int set_memory(const char *dir, bool is_v1, uint64_t bytes)
{
    int r = cgroup_write_u64(dir, is_v1 ? "memory.limit_in_bytes" : "memory.max", bytes);

    if (r < 0)
        return r;
    if (is_v1) {
        r = cgroup_write_u64(dir, "memory.memsw.limit_in_bytes", bytes);
        return r == -ENOENT || r == -EOPNOTSUPP ? 0 : r;
    }
    r = cgroup_write(dir, "memory.swap.max", "0");
    if (r == 0 || r == -ENOENT)
        r = cgroup_write(dir, "memory.oom.group", "1"); /* Linux 4.19 */
    return r == -ENOENT ? 0 : r;
}

static int set_one(const char *dir, bool is_v1, enum cgroup_controller i,
                   const struct execution_limits *l)
{
    switch (i) {
    case CGROUP_MEMORY:
        return set_memory(dir, is_v1, l->max_memory_bytes);
    case CGROUP_PIDS:
        return cgroup_write_u64(dir, "pids.max", l->max_processes);
    case CGROUP_CPU:
    case CGROUP_CONTROLLERS:
        break;
    }
    return 0; /* looked at by child_limits.c */
}

int limits_set(const struct cgroup_host *h, const struct cgroup *g,
               const struct execution_limits *l, unsigned *ret_held,
               enum cgroup_controller *ret_failed)
{
    unsigned wanted = limits_controllers(l);

    *ret_held = 0;
    for (int i = 0; i < CGROUP_CONTROLLERS; i++) {
        bool is_v1;
        const char *dir = cgroup_of(g, h, (enum cgroup_controller)i, &is_v1);
        if (!dir || !(wanted & CGROUP_BIT(i)))
            continue;
        int r = set_one(dir, is_v1, (enum cgroup_controller)i, l);
        if (r < 0) {
            *ret_failed = (enum cgroup_controller)i;
            return r;
        }
        *ret_held |= CGROUP_BIT(i);
    }
    return 0;
}

const char *limits_controller_name(enum cgroup_controller c)
{
    static const char *const names[CGROUP_CONTROLLERS] = {"memory", "pids", "cpu"};
    return names[c];
}

uint64_t limits_oom_kills(const struct cgroup_host *h, const struct cgroup *g)
{
    bool is_v1;
    uint64_t n = 0;
    const char *dir = cgroup_of(g, h, CGROUP_MEMORY, &is_v1);

    if (dir)
        (void)cgroup_read_key(dir, is_v1 ? "memory.oom_control" : "memory.events", "oom_kill", &n);
    return n;
}

uint64_t limits_memory_peak(const struct cgroup_host *h, const struct cgroup *g)
{
    bool is_v1;
    uint64_t bytes = 0;
    const char *dir = cgroup_of(g, h, CGROUP_MEMORY, &is_v1);

    if (dir) /* memory.peak: Linux 5.19 */
        (void)cgroup_read_u64(dir, is_v1 ? "memory.max_usage_in_bytes" : "memory.peak", &bytes);
    return bytes;
}

uint64_t limits_refused_forks(const struct cgroup_host *h, const struct cgroup *g)
{
    bool is_v1;
    uint64_t n = 0;
    const char *dir = cgroup_of(g, h, CGROUP_PIDS, &is_v1);

    if (dir)
        (void)cgroup_read_key(dir, "pids.events", "max", &n);
    return n;
}

uint64_t limits_cpu_us(const struct cgroup_host *h, const struct cgroup *g)
{
    bool is_v1;
    uint64_t t = 0;
    const char *dir = cgroup_of(g, h, CGROUP_CPU, &is_v1);

    if (!dir)
        return 0;
    if (!is_v1)
        return cgroup_read_key(dir, "cpu.stat", "usage_usec", &t) ? t : 0;
    return cgroup_read_u64(dir, "cpuacct.usage", &t) ? t / 1000 : 0; /* nanoseconds */
}
