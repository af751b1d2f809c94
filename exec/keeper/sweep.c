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
#include "state/base/buf.h"
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
    char *name;        /* of its cgroups and sandboxes, cgroup_base_name(); borrowed */
    struct pids found; /* in this round */
    struct pids killed;
};

static void on_process(pid_t pid, void *arg)
{
    struct sweep *s = arg;
    CLEANUP(free_p) char *id = NULL;
    CLEANUP(free_p) char *sandbox = NULL;
    /* One that was being made when its keeper died: bwrap asks to die with it a moment later only.
     */
    if (proc_read_variable(pid, PROC_SANDBOX_MARK, &sandbox) && sandbox &&
        strcmp(sandbox, s->name) == 0)
        return pids_add(&s->found, pid);
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
    if (cgroup_remove_path(base) == 0 || cgroup_find_processes(base, &s->killed) < 0)
        return true; /* gone, or none of ours */
    cgroup_kill_path(base);
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

/* Where the keeper before us had its groups, a line for each. A copy of a state directory names the
 * groups of the original, which are not ours to kill. */
static void kill_recorded(struct sweep *s)
{
    CLEANUP(free_p) char *path = NULL;
    CLEANUP(free_p) char *text = NULL;
    CLEANUP(free_p) char *name = cgroup_base_name(s->state_dir);
    size_t len;

    if (asprintf(&path, "%s/" BASE_FILE, s->state_dir) < 0)
        abort();
    if (file_read(path, (1 + CGROUP_CONTROLLERS) * PATH_MAX, &text, &len) < 0)
        return;
    for (char *rest = text, *base; (base = strsep(&rest, "\n"));) {
        const char *slash = strrchr(base, '/');
        if (slash && strcmp(slash + 1, name) == 0)
            until_gone(s, base, kill_groups);
    }
}

void sweep_leftovers(const char *state_dir)
{
    CLEANUP(free_p) char *name = cgroup_base_name(state_dir);
    struct sweep s = {.state_dir = state_dir, .name = name};

    kill_recorded(&s);
    until_gone(&s, NULL, kill_marked);
    if (s.killed.n > 0)
        LOG_WARN("leftovers_killed", LOG_U64("processes", s.killed.n));
    pids_deinit(&s.found);
    pids_deinit(&s.killed);
}

void sweep_record_groups(const char *state_dir, const struct cgroup_host *h)
{
    CLEANUP(buf_deinit) struct buf text = {0};

    buf_printf(&text, "%s\n", h->base ? h->base : "");
    for (int i = 0; i < CGROUP_CONTROLLERS; i++)
        buf_printf(&text, "%s\n", h->v1[i] ? h->v1[i] : "");
    int r = file_replace(state_dir, BASE_FILE, text.data, text.len);
    if (r < 0)
        LOG_WARN("cgroup_not_recorded", LOG_ERRNO(r));
}
