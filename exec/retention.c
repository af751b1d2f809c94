/*
 * Which finished journals go: those over their time, and the oldest of them while there are more
 * than retention.max_executions or more bytes than retention.max_disk. What runs is never removed.
 */
#include <errno.h>

#include <sys/statvfs.h>

#include "exec/service.h"
#include "state/base/clock.h"
#include "state/base/log.h"
#include "state/mirror.h"

static bool is_over(const struct service *s, const struct entry *e, uint64_t now)
{
    const struct config *c = s->config;
    return e->expires_ms <= now || s->registry.ended > c->max_finished ||
           (c->max_disk_bytes && s->registry.journal_bytes > c->max_disk_bytes);
}

void retention_forget(struct service *s, struct entry *e)
{
    int r = janitor_discard(s->janitor, "executions", e->id);
    if (r < 0 && r != -ENOENT)
        LOG_WARN("journal_not_removed", LOG_STR("exec", e->id), LOG_ERRNO(r));
    LOG_DEBUG("execution_forgotten", LOG_STR("exec", e->id));
    if (s->mirror)
        mirror_forget(s->mirror, e->id);
    list_news_mark(s->list_news, e->principal);
    registry_remove(&s->registry, e);
}

void retention_run(struct service *s)
{
    uint64_t now = clock_mono_ms();
    struct entry *e;
    while ((e = registry_oldest_ended(&s->registry)) && is_over(s, e, now))
        retention_forget(s, e);
}

void retention_check_disk(struct service *s)
{
    struct statvfs v;
    uint64_t limit = s->config->max_disk_bytes;
    bool is_low = limit && s->registry.journal_bytes > limit;
    if (statvfs(s->config->state_dir, &v) == 0)
        is_low = is_low || (uint64_t)v.f_bavail * v.f_frsize < s->config->min_free_bytes;
    if (is_low != s->is_disk_low)
        LOG_WARN(is_low ? "disk_low" : "disk_recovered",
                 LOG_U64("journal_bytes", s->registry.journal_bytes),
                 LOG_STR("path", s->config->state_dir));
    s->is_disk_low = is_low;
}
