/*
 * Which finished journals go: those over their time, and the oldest of them while there are more
 * than retention.max_executions or more bytes than retention.max_disk. What runs is never removed.
 */
#include <errno.h>

#include "exec/service.h"
#include "state/base/clock.h"
#include "state/base/log.h"

static bool is_over(const struct service *s, const struct entry *e, uint64_t now)
{
    const struct config *c = s->config;
    return e->expires_ms <= now || s->registry.ended > c->max_finished ||
           (c->max_disk_bytes && s->registry.journal_bytes > c->max_disk_bytes);
}

void retention_run(struct service *s)
{
    uint64_t now = clock_mono_ms();
    struct entry *e;
    while ((e = registry_oldest_ended(&s->registry)) && is_over(s, e, now)) {
        int r = janitor_discard(s->janitor, "executions", e->id);
        if (r < 0 && r != -ENOENT)
            LOG_WARN("journal_not_removed", LOG_STR("exec", e->id), LOG_ERRNO(r));
        LOG_DEBUG("execution_forgotten", LOG_STR("exec", e->id));
        registry_remove(&s->registry, e);
    }
}
