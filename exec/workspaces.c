#include "exec/workspaces.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <sys/stat.h>

#include "state/base/clock.h"
#include "state/base/id.h"
#include "state/base/log.h"

#define FOLDER         "workspaces"
#define PASS_EVERY_MS  60000u
#define NAMES_PER_TICK 500u /* each costs a lookup, or a rename */

void workspaces_deinit(struct workspaces *w)
{
    if (w->pass)
        closedir(w->pass);
    *w = (struct workspaces){0};
}

static bool begin_pass(struct workspaces *w, const char *state_dir)
{
    CLEANUP(free_p) char *path = NULL;
    uint64_t now = clock_mono_ms();
    if (now < w->next_ms)
        return false;
    w->next_ms = now + PASS_EVERY_MS;
    if (asprintf(&path, "%s/" FOLDER, state_dir) < 0)
        abort();
    w->pass = opendir(path);
    return w->pass; /* there is none before the first command */
}

static bool is_in_use(const struct service *s, const char *path)
{
    list_for_each (l, &s->registry.by_age) {
        const struct entry *e = CONTAINER_OF(l, struct entry, by_age);
        if (e->phase != ENTRY_ENDED && e->workspace && strcmp(e->workspace, path) == 0)
            return true;
    }
    return false;
}

/* It was not used for so long: each start touches it. */
static bool is_expired(const struct workspaces *w, const struct service *s, const char *name,
                       uint64_t ttl_ms)
{
    CLEANUP(free_p) char *path = NULL;
    struct stat st;
    uint64_t now_us = clock_real_us(), ttl_us = ttl_ms * 1000;

    if (name[0] == '.' || ttl_us == 0 ||
        fstatat(dirfd(w->pass), name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    uint64_t used_us = (uint64_t)st.st_mtim.tv_sec * 1000000;
    if (used_us + ttl_us > now_us)
        return false;
    if (asprintf(&path, "%s/" FOLDER "/%s", s->config->state_dir, name) < 0)
        abort();
    return !is_in_use(s, path);
}

/* Of a session that is gone. The id's form tells them from the directories of principals. One that
 * began on another replica may live there without our knowing, after a restart for example: it goes
 * when it was not used for as long as a session lives. */
static bool is_left(const struct workspaces *w, struct service *s, struct sessions *sessions,
                    const char *name)
{
    if (!id_is_valid(name))
        return is_expired(w, s, name, s->config->workspace_ttl_ms);
    if (sessions_has(sessions, name) ||
        queue_group_active(&s->queue, PRINCIPAL_ANONYMOUS, name) > 0)
        return false;
    return id_has_replica(name, s->config->replica_id) ||
           is_expired(w, s, name, s->config->session_ttl_ms);
}

static void discard(struct service *s, const char *name)
{
    int r = janitor_discard(s->janitor, FOLDER, name);
    if (r < 0)
        LOG_WARN("workspace_not_removed", LOG_STR("session", name), LOG_ERRNO(r));
    else
        LOG_DEBUG("workspace_removed", LOG_STR("session", name));
}

void workspaces_tick(struct workspaces *w, struct service *s, struct sessions *sessions)
{
    const struct dirent *entry = NULL;
    if (!w->pass && !begin_pass(w, s->config->state_dir))
        return;
    for (unsigned i = 0; i < NAMES_PER_TICK && (entry = readdir(w->pass)); i++)
        if (is_left(w, s, sessions, entry->d_name))
            discard(s, entry->d_name);
    if (!entry) {
        closedir(w->pass);
        w->pass = NULL;
    }
}
