#include "exec/keeper/sweep.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "exec/keeper/cgroup.h"
#include "exec/keeper/journal_writer.h"
#include "exec/keeper/proc.h"
#include "state/base/clock.h"
#include "state/base/fd.h"
#include "state/base/id.h"
#include "state/base/log.h"
#include "state/journal.h"

#define SWEEP_MAX_MS 2000
/* Where the last keeper had its groups: another login or unit may have had another place. */
#define BASE_FILE "keeper.cgroup"

struct sweep {
    const char *state_dir;
    struct pids found; /* in this round */
    struct pids killed;
};

static void on_process(pid_t pid, void *arg)
{
    struct sweep *s = arg;
    CLEANUP(free_p) char *id = NULL;
    if (!proc_read_mark(pid, &id) || !id || !id_is_valid(id))
        return;
    CLEANUP(free_p) char *dir = journal_dir(s->state_dir, id);
    if (access(dir, F_OK) == 0 && !journal_writer_has_exit(dir))
        pids_add(&s->found, pid);
}

/* A round ends with true when nobody is left. */
static bool kill_marked(struct sweep *s, const char *base)
{
    pids_deinit(&s->found);
    if (proc_each(on_process, s) < 0 || s->found.n == 0)
        return true;
    proc_signal(&s->found, SIGKILL);
    for (size_t i = 0; i < s->found.n; i++)
        pids_add(&s->killed, s->found.v[i]);
    return false;
}

static bool kill_groups(struct sweep *s, const char *base)
{
    if (cgroup_remove(base) == 0 || cgroup_find(base, &s->killed) < 0)
        return true; /* gone, or none of ours */
    cgroup_kill(base);
    return false;
}

static void until_gone(struct sweep *s, const char *base,
                       bool (*round)(struct sweep *s, const char *base))
{
    const struct timespec pause = {.tv_nsec = 2 * 1000 * 1000};
    uint64_t end = clock_mono_ms() + SWEEP_MAX_MS;

    while (!round(s, base)) {
        if (clock_mono_ms() > end) {
            LOG_WARN("leftovers_not_killed", LOG_U64("killed", s->killed.n));
            return;
        }
        nanosleep(&pause, NULL);
    }
}

/* Where the keeper before us had its groups. A copy of a state directory names the groups of the
 * original, which are not ours to kill. */
static void kill_recorded(struct sweep *s)
{
    CLEANUP(free_p) char *path = NULL;
    CLEANUP(free_p) char *base = NULL;
    CLEANUP(free_p) char *name = cgroup_base_name(s->state_dir);
    size_t len;

    if (asprintf(&path, "%s/" BASE_FILE, s->state_dir) < 0)
        abort();
    if (file_read(path, PATH_MAX, &base, &len) < 0)
        return;
    const char *slash = strrchr(base, '/');
    if (slash && strcmp(slash + 1, name) == 0)
        until_gone(s, base, kill_groups);
}

void sweep_leftovers(const char *state_dir)
{
    struct sweep s = {.state_dir = state_dir};

    kill_recorded(&s);
    until_gone(&s, NULL, kill_marked);
    if (s.killed.n > 0)
        LOG_WARN("leftovers_killed", LOG_U64("processes", s.killed.n));
    pids_deinit(&s.found);
    pids_deinit(&s.killed);
}

void sweep_record_base(const char *state_dir, const char *cgroup_base)
{
    int r = file_replace(state_dir, BASE_FILE, cgroup_base, strlen(cgroup_base));
    if (r < 0)
        LOG_WARN("cgroup_not_recorded", LOG_ERRNO(r));
}
