/* Clock, disk, descriptors and pipes, held against what the configuration may need of them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/vfs.h>

#include "exec/keeper/keeper.h"
#include "server/doctor/report.h"
#include "state/base/fd.h"

#define MIB 1048576.0
/* This was written after that. */
#define YEAR_2025 1735689600
/* TMPFS_MAGIC of statfs(2): gone with a restart of the machine. */
#define TMPFS 0x01021994
/* Of the server, besides connections: threads, logs, journals that are read. */
#define SERVER_FDS_REST 256u
/* Three pipes of 1 MiB for each execution, exec/keeper/stdio.c; pages of 4 KiB. */
#define PIPE_PAGES_EACH 768u

static void check_clock(struct doctor *d)
{
    struct timex t = {0};
    int state = adjtimex(&t);

    if (time(NULL) < YEAR_2025)
        return doctor_fail(d, "clock", "timedatectl set-ntp true", "it is years behind");
    if (state == TIME_ERROR || t.status & STA_UNSYNC)
        doctor_warn(d, "clock", "timedatectl set-ntp true, or install chrony",
                    "nobody keeps it right: times of events and of several replicas will differ");
    else
        doctor_ok(d, "clock", "is kept right");
}

/* The nearest directory above that is there. */
static int stat_above(const char *path, struct statvfs *ret, struct statfs *ret_fs)
{
    CLEANUP(free_p) char *copy = xstrdup(path);

    while (statvfs(copy, ret) < 0) {
        char *slash = strrchr(copy, '/');
        if (errno != ENOENT || !slash || slash == copy)
            return statvfs("/", ret) < 0 ? -errno : statfs("/", ret_fs);
        *slash = '\0';
    }
    return statfs(copy, ret_fs) < 0 ? -errno : 0;
}

static void check_disk(struct doctor *d)
{
    const struct config *c = d->config;
    struct statvfs v;
    struct statfs fs;
    int r = stat_above(c->state_dir, &v, &fs);

    if (r < 0)
        return doctor_fail(d, "disk", "name another directory with exec.state_dir", "%s: %s",
                           c->state_dir, strerror(-r));
    uint64_t free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
    double free_mib = (double)free_bytes / MIB;
    if (v.f_flag & ST_RDONLY)
        doctor_fail(d, "disk", "name another directory with exec.state_dir",
                    "%s is on a file system that can't be written", c->state_dir);
    else if (free_bytes < c->min_free_bytes || (v.f_files > 0 && v.f_favail == 0))
        doctor_fail(d, "disk", "make room, or lower retention.min_free",
                    "%s: %.0f MiB and %" PRIu64
                    " files are free; below retention.min_free new work "
                    "is refused",
                    c->state_dir, free_mib, (uint64_t)v.f_favail);
    else if (free_bytes < c->max_disk_bytes)
        doctor_warn(d, "disk", "lower retention.max_disk, or make room",
                    "%s: %.0f MiB are free, less than journals may take (retention.max_disk)",
                    c->state_dir, free_mib);
    else
        doctor_ok(d, "disk", "%s: %.0f MiB are free", c->state_dir, free_mib);
    if (fs.f_type == TMPFS)
        doctor_warn(d, "disk", "name another directory with exec.state_dir",
                    "%s is in memory, and gone after a restart of the machine", c->state_dir);
}

static void check_files(struct doctor *d)
{
    const struct config *c = d->config;
    struct rlimit l;
    uint64_t server = (uint64_t)c->max_connections + SERVER_FDS_REST;
    uint64_t keeper = keeper_fds_needed(c->max_concurrent, c->sandbox_pool);
    char mend[200];

    if (getrlimit(RLIMIT_NOFILE, &l) < 0)
        return;
    uint64_t most = server > keeper ? server : keeper;
    snprintf(mend, sizeof(mend),
             "systemctl edit mcp-execd.service, [Service] LimitNOFILE=%" PRIu64
             "; or ulimit -Hn; or lower server.max_connections, limits.max_concurrent, "
             "sandbox.pool",
             most);
    if (l.rlim_max < keeper)
        doctor_fail(d, "open files", mend,
                    "%" PRIu64 " may be open, %" PRIu64
                    " are needed for limits.max_concurrent and sandbox.pool",
                    (uint64_t)l.rlim_max, keeper);
    else if (l.rlim_max < server)
        doctor_warn(d, "open files", mend,
                    "%" PRIu64 " may be open, %" PRIu64 " would be needed for "
                    "server.max_connections: so many connections are not reached",
                    (uint64_t)l.rlim_max, server);
    else
        doctor_ok(d, "open files", "%" PRIu64 " may be open", (uint64_t)l.rlim_max);
}

static bool read_number(const char *path, uint64_t *ret)
{
    CLEANUP(free_p) char *text = NULL;
    char *end;
    size_t len;

    if (file_read(path, 64, &text, &len) < 0)
        return false;
    *ret = strtoull(text, &end, 10);
    return end > text;
}

static void check_pipes(struct doctor *d)
{
    uint64_t size = 0, pages = 0, wanted = (uint64_t)d->config->max_concurrent * PIPE_PAGES_EACH;
    char mend[100];

    if (!read_number("/proc/sys/fs/pipe-max-size", &size) ||
        !read_number("/proc/sys/fs/pipe-user-pages-soft", &pages))
        return;
    snprintf(mend, sizeof(mend), "sysctl -w fs.pipe-user-pages-soft=%" PRIu64, wanted);
    if (size < 1024 * 1024)
        doctor_warn(d, "pipes", "sysctl -w fs.pipe-max-size=1048576",
                    "they hold %" PRIu64 " bytes at most: much output costs three times as much",
                    size);
    else if (geteuid() != 0 && pages > 0 && pages < wanted)
        doctor_warn(d, "pipes", mend,
                    "a user may have %" PRIu64 " pages of them, %" PRIu64
                    " are what limits.max_concurrent executions take: later ones get small pipes",
                    pages, wanted);
    else
        doctor_ok(d, "pipes", "there is room for those of limits.max_concurrent executions");
}

void doctor_check_system(struct doctor *d)
{
    check_clock(d);
    check_disk(d);
    check_files(d);
    check_pipes(d);
}
