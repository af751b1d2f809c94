/*
 * The limits of a running tree that the kernel only counts: CPU time, and, told to the client,
 * forks that were refused and processes that were killed for memory. Looked at now and then, at
 * first often, then at most every second; CPU time not before it can be used up. What the last look
 * missed is found at the end.
 */
#include <inttypes.h>
#include <signal.h>

#include "exec/keeper/child.h"
#include "exec/keeper/limits.h"
#include "state/base/clock.h"
#include "state/base/json_text.h"

#define LOOK_FIRST_MS 50
#define LOOK_MAX_MS   1000
/* Of its CPU time a tree uses as much at once as there are CPUs; a look this often is enough. */
#define CPU_LOOK_MIN_MS 50
#define CPU_LOOK_MAX_MS (60 * 1000)

static bool holds(const struct child *c, enum cgroup_controller i)
{
    return c->held & CGROUP_BIT(i);
}

static const struct cgroup_host *host_of(const struct child *c)
{
    return &c->keeper->cgroups;
}

/* What is left of its CPU time, in ms. */
static uint64_t cpu_left_ms(const struct child *c)
{
    uint64_t used = limits_cpu_us(host_of(c), &c->tree.cgroup) / 1000;
    return used < c->limits.max_cpu_ms ? c->limits.max_cpu_ms - used : 0;
}

static uint64_t clamp(uint64_t v, uint64_t min, uint64_t max)
{
    return v < min ? min : v > max ? max : v;
}

/* When the tree can have used up its CPU time; UINT64_MAX: it has already, and was told to end. */
static uint64_t look_at_cpu(struct child *c)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t left = cpu_left_ms(c);

    if (left > 0)
        return clamp(left / (uint64_t)(cpus > 0 ? cpus : 1), CPU_LOOK_MIN_MS, CPU_LOOK_MAX_MS);
    child_kill(c, &(struct keeper_kill){.mode = KEEPER_KILL_LADDER, .reason = REASON_CPU_LIMIT});
    return UINT64_MAX;
}

/* By version 2 the kernel ends the whole tree; here the command may go on and try again for ever.
 */
static void look_at_memory(struct child *c)
{
    c->exit.oom_kills = limits_oom_kills(host_of(c), &c->tree.cgroup);
    if (c->exit.oom_kills > 0 && c->phase == CHILD_RUNNING)
        child_kill(c, &(struct keeper_kill){.mode = KEEPER_KILL_NOW, .reason = REASON_OOM});
}

static void note_processes(struct child *c)
{
    CLEANUP(buf_deinit) struct buf note = {0};

    buf_append_str(&note, "{");
    json_text_member_str(&note, "reason", "processes");
    json_text_key(&note, "message");
    buf_printf(&note,
               "\"A process could not be made (EAGAIN): it may have %" PRIu64
               " processes and threads at a time (limits.max_processes, or max_processes of the "
               "call)\"}",
               c->limits.max_processes);
    child_note(c, JOURNAL_LIMIT_MET, note.data);
}

static void look_at_pids(struct child *c)
{
    uint64_t before = c->exit.refused_forks;

    c->exit.refused_forks = limits_refused_forks(host_of(c), &c->tree.cgroup);
    if (c->exit.refused_forks > 0 && before == 0)
        note_processes(c);
}

static void on_look(struct timer *t)
{
    struct child *c = CONTAINER_OF(t, struct child, look);
    uint64_t next = UINT64_MAX;

    c->look_ms = clamp(c->look_ms * 2, LOOK_FIRST_MS, LOOK_MAX_MS);
    if (holds(c, CGROUP_MEMORY))
        look_at_memory(c);
    if (holds(c, CGROUP_PIDS))
        look_at_pids(c);
    if (holds(c, CGROUP_MEMORY) || (holds(c, CGROUP_PIDS) && !c->exit.refused_forks))
        next = c->look_ms;
    if (holds(c, CGROUP_CPU)) {
        uint64_t cpu = look_at_cpu(c);
        next = cpu < next ? cpu : next;
    }
    if (next != UINT64_MAX && c->phase == CHILD_RUNNING)
        timer_set(&c->keeper->loop, &c->look, clock_mono_ms() + next, on_look);
}

void child_look_at_limits(struct child *c)
{
    if (c->held)
        timer_set(&c->keeper->loop, &c->look, clock_mono_ms() + LOOK_FIRST_MS, on_look);
}

/* While its groups are there still. */
void child_count_limits(struct child *c)
{
    timer_clear(&c->look);
    if (holds(c, CGROUP_MEMORY)) {
        look_at_memory(c);
        c->exit.max_memory_bytes = c->limits.max_memory_bytes;
        c->exit.memory_peak_bytes = limits_memory_peak(host_of(c), &c->tree.cgroup);
    }
    if (holds(c, CGROUP_PIDS)) {
        look_at_pids(c);
        c->exit.max_processes = c->limits.max_processes;
    }
    if (holds(c, CGROUP_CPU))
        c->exit.tree_cpu_ms = limits_cpu_us(host_of(c), &c->tree.cgroup) / 1000;
}

/* The filter of a sandbox answers most of what it refuses with an error, which only the command
 * sees; calls that it can't read end the process. */
void child_note_system_call(struct child *c)
{
    static const char note[] =
        "{\"reason\":\"system_call\",\"message\":\"The command was ended by SIGSYS: it made a "
        "system "
        "call that the sandbox can not allow, as programs of another architecture do (32-bit ones "
        "on a 64-bit machine)\"}";

    if (c->sandbox && c->exit.term_signal == SIGSYS)
        child_note(c, JOURNAL_VIOLATION, note);
}
