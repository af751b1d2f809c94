/* Which limits hold for all processes of a command together: as the keeper that runs for this state
 * directory says, or else as one would find it that was started here and now. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <sys/socket.h>

#include "exec/keeper/cgroup_host.h"
#include "exec/keeper/packets.h"
#include "exec/keeper_launch.h"
#include "exec/tree_limits.h"
#include "server/doctor/report.h"
#include "state/base/fd.h"

#define KEEPER_WAIT_MS 3000

#define MEND_CGROUP                                                                                \
    "have the keeper run in a group that is delegated to it: systemctl edit mcp-execd.service, "   \
    "[Service] Delegate=yes (a login: systemd-run --user --scope -p Delegate=yes mcp-execd …); " \
    "without systemd run it as root; in a container the cgroup mount must be writable"

/* ---- the keeper that runs ---- */

static bool ask(int fd, const struct keeper_message *m)
{
    CLEANUP(buf_deinit) struct buf packet = {0};
    return keeper_message_encode(m, &packet) == 0 &&
           send(fd, packet.data, packet.len, MSG_NOSIGNAL) == (ssize_t)packet.len;
}

static bool receive_host(int fd, char *space, struct keeper_host *ret)
{
    for (;;) {
        struct keeper_message m;
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, KEEPER_WAIT_MS) != 1)
            return false;
        int r = packets_receive(fd, space, &m);
        if (r == PACKETS_NOTHING_NOW)
            continue;
        if (r < 0)
            return false;
        bool is_host = m.type == KEEPER_LIST_END;
        if (is_host)
            *ret = m.host;
        keeper_message_deinit(&m);
        if (is_host)
            return true;
    }
}

/* False: none runs, or it is not ours to ask. */
static bool ask_keeper(const struct config *c, struct keeper_host *ret)
{
    struct keeper_launch l = {.state_dir = c->state_dir};
    const struct keeper_message hello = {
        .type = KEEPER_HELLO, .hello = {KEEPER_VERSION_MIN, KEEPER_VERSION_MAX, "doctor"}};
    CLEANUP(fd_closep) int fd = -1;
    CLEANUP(free_p) char *space = xcalloc(1, KEEPER_MESSAGE_MAX);

    return keeper_launch_connect(&l, &fd) == 0 && ask(fd, &hello) &&
           ask(fd, &(struct keeper_message){.type = KEEPER_LIST}) && receive_host(fd, space, ret);
}

/* ---- what there is ---- */

struct look {
    struct doctor *d;
    unsigned has; /* enum tree_limit */
    bool is_said; /* what mends it */
};

/* Said in full once. */
static const char *mend(struct look *l)
{
    const char *text = l->is_said ? "the same" : MEND_CGROUP;
    l->is_said = true;
    return text;
}

static void tell(struct look *l, enum tree_limit limit, const char *what, uint64_t configured)
{
    CLEANUP(buf_deinit) struct buf text = {0};

    if (l->has & limit)
        return doctor_ok(l->d, what, "holds for all processes of a command together");
    tree_limits_describe(limit, &text);
    if (configured && l->d->config->require_tree_limits)
        doctor_fail(l->d, what, mend(l), "%s; limits.require_tree wants it", text.data);
    else
        doctor_warn(l->d, what, mend(l), "%s%s", text.data,
                    configured ? "" : " (none is configured; calls may ask for one)");
}

static void tell_groups(struct look *l, const struct cgroup_host *h)
{
    struct doctor *d = l->d;

    if (h->base)
        doctor_ok(d, "cgroup", "version 2: processes are known, and ended at once, by their group");
    else if (cgroup_host_has_any(h))
        doctor_warn(d, "cgroup",
                    "mount version 2 as well: mount -t cgroup2 none /sys/fs/cgroup/unified",
                    "version 1 only: a fork bomb is not ended in one step");
    else
        doctor_warn(d, "cgroup", mend(l),
                    "no groups can be made: processes are told apart by /proc, which is slower, "
                    "and one that hides well may be missed without a sandbox");
}

void doctor_check_limits(struct doctor *d)
{
    const struct config *c = d->config;
    struct look l = {.d = d};
    struct keeper_host host = {0};
    struct execution_limits configured;

    if (ask_keeper(c, &host)) {
        l.has = tree_limits_of_host(&host);
        doctor_ok(d, "keeper", "runs, and says what limits it can hold");
    } else {
        struct cgroup_host h;
        cgroup_host_probe(&h);
        unsigned bits = cgroup_host_controllers(&h);
        l.has = (bits & CGROUP_BIT(CGROUP_MEMORY) ? TREE_MEMORY : 0u) |
                (bits & CGROUP_BIT(CGROUP_PIDS) ? TREE_PROCESSES : 0u) |
                (bits & CGROUP_BIT(CGROUP_CPU) ? TREE_CPU : 0u);
        tell_groups(&l, &h);
        cgroup_host_deinit(&h);
    }
    tree_limits_configured(c, &configured);
    tell(&l, TREE_MEMORY, "memory limit", configured.max_memory_bytes);
    tell(&l, TREE_PROCESSES, "process limit", configured.max_processes);
    tell(&l, TREE_CPU, "CPU limit", configured.max_cpu_ms);
}
