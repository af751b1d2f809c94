#include "exec/quota.h"

#include <fcntl.h>
#include <string.h>

#include <sys/stat.h>

#include "state/base/clock.h"
#include "state/base/log.h"

#define LOOK_EVERY_MS 2000u
#define WATCHED_MAX   256u /* workspaces of one look; the others have the next one */

int quota_init(struct quota *q, const struct config *c)
{
    *q = (struct quota){0};
    return c->workspace_quota_bytes ? measurer_new(&q->measurer) : 0;
}

void quota_deinit(struct quota *q)
{
    q->measurer = measurer_free(q->measurer);
}

static bool is_running_there(const struct entry *e)
{
    return e->phase == ENTRY_RUNNING && e->workspace;
}

static bool is_among(const struct measured *v, size_t n, const char *path)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(v[i].path, path) == 0)
            return true;
    return false;
}

/* Used until now: workspaces.h counts from there. */
static void touch(const char *path)
{
    (void)utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW);
}

/* Newest first: they are those that nobody looked at yet. */
static void ask(struct quota *q, struct service *s)
{
    struct measured *v = xcalloc(WATCHED_MAX, sizeof(*v));
    size_t n = 0;

    for (struct list *l = s->registry.by_age.prev; l != &s->registry.by_age && n < WATCHED_MAX;
         l = l->prev) {
        const struct entry *e = CONTAINER_OF(l, struct entry, by_age);
        if (!is_running_there(e) || is_among(v, n, e->workspace))
            continue;
        touch(e->workspace);
        v[n++].path = xstrdup(e->workspace);
    }
    if (n == 0 || !measurer_ask(q->measurer, v, n))
        measured_free(v, n);
}

static void end(struct service *s, struct entry *e, uint64_t bytes)
{
    LOG_WARN("workspace_full", LOG_STR("exec", e->id), LOG_U64("bytes", bytes),
             LOG_U64("quota", s->config->workspace_quota_bytes));
    int r = service_kill(s, e, true, REASON_FILE_SIZE_LIMIT);
    if (r < 0)
        LOG_WARN("kill_not_sent", LOG_STR("exec", e->id), LOG_ERRNO(r));
}

static void judge(struct service *s, const struct measured *m)
{
    list_for_each_safe (l, next, &s->registry.by_age) {
        struct entry *e = CONTAINER_OF(l, struct entry, by_age);
        if (!is_running_there(e) || strcmp(e->workspace, m->path) != 0)
            continue;
        bool grows = e->workspace_bytes && m->bytes > e->workspace_bytes;
        e->workspace_bytes = m->bytes ? m->bytes : 1;
        if (grows && m->bytes > s->config->workspace_quota_bytes)
            end(s, e, m->bytes);
    }
}

void quota_tick(struct quota *q, struct service *s)
{
    struct measured *v;
    size_t n;

    if (!q->measurer)
        return;
    if (measurer_take(q->measurer, &v, &n)) {
        for (size_t i = 0; i < n; i++)
            judge(s, &v[i]);
        measured_free(v, n);
    }
    if (clock_mono_ms() < q->next_ms)
        return;
    q->next_ms = clock_mono_ms() + LOOK_EVERY_MS;
    ask(q, s);
}
