#include "exec/keeper/cgroup_host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "exec/keeper/cgroup.h"
#include "exec/keeper/cgroup_file.h"
#include "exec/keeper/cgroup_find.h"
#include "exec/keeper/clone.h"
#include "exec/keeper/codec.h"
#include "exec/keeper/hash.h"
#include "state/base/fd.h"
#include "state/base/log.h"

#define HOST_LEAF "mcp-exec-host"
/* Somebody may be born while we move them. */
#define MOVE_ROUNDS 5

/* Its name, and the file of version 1 that a limit, or for CPU the use, is in. */
static const struct {
    const char *unified, *v1, *v1_file;
} controllers[CGROUP_CONTROLLERS] = {
    [CGROUP_MEMORY] = {"memory", "memory", "memory.limit_in_bytes"},
    [CGROUP_PIDS] = {"pids", "pids", "pids.max"},
    [CGROUP_CPU] = {"cpu", "cpuacct", "cpuacct.usage"},
};

char *cgroup_base_name(const char *state_dir)
{
    char *name;
    if (asprintf(&name, "mcp-exec-%016llx", (unsigned long long)hash_string(state_dir)) < 0)
        abort();
    return name;
}

static void place_deinit(struct cgroup_place *p)
{
    free(p->path);
}

/* ---- who lives in our group ---- */

/* As systemd marks a group with Delegate=yes, see its CGROUP_DELEGATION.md. */
static bool is_delegated(const char *group)
{
    char v[2];
    return (getxattr(group, "user.delegate", v, sizeof(v)) == 1 && v[0] == '1') ||
           (getxattr(group, "trusted.delegate", v, sizeof(v)) == 1 && v[0] == '1');
}

static bool has_only_us(const char *group)
{
    struct pids found = {0};
    bool is_ours = cgroup_find_members(group, &found) == 0;

    for (size_t i = 0; i < found.n; i++)
        is_ours = is_ours && (found.v[i] == getpid() || found.v[i] == getppid());
    pids_deinit(&found);
    return is_ours;
}

static bool is_ours_to_empty(const struct cgroup_place *own)
{
    return is_delegated(own->path) || own->is_root || has_only_us(own->path);
}

static void move_all(const char *from, const char *to)
{
    for (int round = 0; round < MOVE_ROUNDS; round++) {
        struct pids found = {0};
        int r = cgroup_find_members(from, &found);
        size_t n = found.n;
        for (size_t i = 0; i < found.n; i++) /* one that can't be moved shows in what follows */
            (void)!cgroup_write_u64(to, "cgroup.procs", (uint64_t)found.v[i]);
        pids_deinit(&found);
        if (r < 0 || n == 0)
            return;
    }
}

static void empty_own(const struct cgroup_place *own)
{
    CLEANUP(free_p) char *leaf = cgroup_path(own->path, HOST_LEAF);

    if (!is_ours_to_empty(own))
        return;
    if (mkdir(leaf, 0755) < 0 && errno != EEXIST)
        return;
    LOG_INFO("cgroup_emptied", LOG_STR("group", own->path), LOG_STR("into", leaf));
    move_all(own->path, leaf);
}

/* ---- version 2 ---- */

/* Hands the controller on from `group` to groups below it. */
static int enable(const char *group, const char *name)
{
    char text[32];

    if (cgroup_has_word(group, "cgroup.subtree_control", name))
        return 0;
    if (!cgroup_has_word(group, "cgroup.controllers", name))
        return -ENOTSUP;
    snprintf(text, sizeof(text), "+%s", name);
    return cgroup_write(group, "cgroup.subtree_control", text);
}

/* The root of the machine: there the rule does not hold. */
static bool is_true_root(const char *group)
{
    CLEANUP(free_p) char *file = cgroup_path(group, "cgroup.type");
    return access(file, F_OK) < 0;
}

static bool has_members(const char *group)
{
    struct pids found = {0};
    bool has = cgroup_find_members(group, &found) < 0 || found.n > 0;
    pids_deinit(&found);
    return has;
}

/* Whether controllers can be handed on from our group. With processes in it those for threads
 * (pids, cpu) could be too, but then no process may live below: that must not even be tried. */
static bool can_hand_on(const struct cgroup_place *own, bool may_empty)
{
    if (is_true_root(own->path) || !has_members(own->path))
        return true;
    if (!may_empty)
        return is_ours_to_empty(own); /* the keeper would */
    empty_own(own);
    return !has_members(own->path);
}

/* The CPU controller keeps a fork bomb from taking the time of all others; nothing is set. */
static void enable_all(struct cgroup_host *h, const struct cgroup_place *own, bool may_empty)
{
    h->unified |= CGROUP_BIT(CGROUP_CPU); /* cpu.stat is in every group */
    if (!can_hand_on(own, may_empty)) {
        LOG_INFO("cgroup_not_ours", LOG_STR("group", own->path));
        return;
    }
    bool is_looking = !may_empty && has_members(own->path) && !is_true_root(own->path);
    for (int i = 0; i < CGROUP_CONTROLLERS; i++) {
        const char *name = controllers[i].unified;
        int r = cgroup_has_word(own->path, "cgroup.controllers", name) ? 0 : -ENOTSUP;
        if (r == 0 && !is_looking)
            r = enable(own->path, name);
        if (r == 0 && !is_looking)
            r = enable(h->base, name);
        if (r == 0)
            h->unified |= CGROUP_BIT(i);
        else if (r != -ENOTSUP)
            LOG_INFO("cgroup_controller_not_enabled", LOG_STR("controller", name),
                     LOG_STR("group", own->path), LOG_ERRNO(r));
    }
}

/* Whether children can be born there: needs kernel 5.7, and by the rules of delegation write
 * access to cgroup.procs here and in the common ancestor, some containers refuse clone3. */
static bool can_be_entered(const char *path)
{
    int status = -1;
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    long pid = fd < 0 ? -1 : clone_into_cgroup(fd);

    if (pid == 0)
        _exit(0);
    return pid > 0 && waitpid((pid_t)pid, &status, 0) == pid && status == 0;
}

/* In the leaf that an earlier one of us moved everybody to: the group that it emptied. */
static void leave_leaf(struct cgroup_place *own)
{
    char *slash = strrchr(own->path, '/');
    if (slash && strcmp(slash + 1, HOST_LEAF) == 0)
        *slash = '\0';
}

static void init_unified(struct cgroup_host *h, const char *name, bool may_empty)
{
    CLEANUP(place_deinit) struct cgroup_place own = {0};

    if (!cgroup_find_own(NULL, &own))
        return;
    leave_leaf(&own);
    CLEANUP(free_p) char *base = cgroup_path(own.path, name);
    if (mkdir(base, 0755) < 0 && errno != EEXIST)
        return;
    /* One with controllers handed on, by the keeper before us, can't be entered itself. */
    CLEANUP(free_p) char *probe = cgroup_path(base, "probe");
    bool is_made = mkdir(probe, 0755) == 0 || errno == EEXIST;
    if (!is_made || !cgroup_has_writable(probe, "cgroup.kill") || !can_be_entered(probe)) {
        (void)rmdir(probe);
        (void)rmdir(base);
        return;
    }
    (void)rmdir(probe);
    h->base = TAKE_PTR(base);
    enable_all(h, &own, may_empty);
}

/* ---- version 1 ---- */

static __attribute__((noreturn)) void enter(const char *group)
{
    _exit(cgroup_write(group, "tasks", "0") == 0 ? 0 : 1);
}

static bool can_enter_v1(const char *group)
{
    int status = -1;
    pid_t pid = fork(); /* at start-up we are small */

    if (pid == 0)
        enter(group);
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static void init_v1(struct cgroup_host *h, enum cgroup_controller i, const char *name)
{
    CLEANUP(place_deinit) struct cgroup_place own = {0};

    if (!cgroup_find_own(controllers[i].v1, &own))
        return;
    CLEANUP(free_p) char *base = cgroup_path(own.path, name);
    if (mkdir(base, 0755) < 0 && errno != EEXIST)
        return;
    if (!cgroup_has_writable(base, controllers[i].v1_file) || !can_enter_v1(base))
        (void)rmdir(base);
    else
        h->v1[i] = TAKE_PTR(base);
}

/* ---- all of it ---- */

static void init(struct cgroup_host *h, const char *name, bool may_empty)
{
    *h = (struct cgroup_host){0};
    init_unified(h, name, may_empty);
    for (int i = 0; i < CGROUP_CONTROLLERS; i++)
        if (!(h->unified & CGROUP_BIT(i)))
            init_v1(h, (enum cgroup_controller)i, name);
}

void cgroup_host_init(struct cgroup_host *h, const char *state_dir)
{
    CLEANUP(free_p) char *name = cgroup_base_name(state_dir);
    init(h, name, true);
}

void cgroup_host_probe(struct cgroup_host *h)
{
    char name[32];
    snprintf(name, sizeof(name), "mcp-exec-probe-%d", getpid());
    init(h, name, false);
}

void cgroup_host_deinit(struct cgroup_host *h)
{
    if (h->base)
        (void)rmdir(h->base);
    free(h->base);
    for (int i = 0; i < CGROUP_CONTROLLERS; i++) {
        if (h->v1[i])
            (void)rmdir(h->v1[i]);
        free(h->v1[i]);
    }
    *h = (struct cgroup_host){0};
}

unsigned cgroup_host_controllers(const struct cgroup_host *h)
{
    unsigned ret = h->unified;
    for (int i = 0; i < CGROUP_CONTROLLERS; i++)
        ret |= h->v1[i] ? CGROUP_BIT(i) : 0;
    return ret;
}

bool cgroup_host_has_any(const struct cgroup_host *h)
{
    return h->base || cgroup_host_controllers(h) != 0;
}

static void walk_path(struct codec *c, char **path)
{
    const char *v = *path;

    codec_str(c, &v);
    if (codec_is_reading(c) && v)
        *path = xstrdup(v);
}

void cgroup_host_walk(struct cgroup_host *h, struct codec *c)
{
    walk_path(c, &h->base);
    codec_u32(c, &h->unified);
    for (int i = 0; i < CGROUP_CONTROLLERS; i++)
        walk_path(c, &h->v1[i]);
}
