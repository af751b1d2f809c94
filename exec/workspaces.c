#include "exec/workspaces.h"

#include <errno.h>
#include <stdio.h>

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

/* Of a session that is gone. The id's form tells them from the directories of principals. */
static bool is_left(struct service *s, struct sessions *sessions, const char *name)
{
    return id_is_valid(name) && !sessions_has(sessions, name) &&
           queue_group_active(&s->queue, PRINCIPAL_ANONYMOUS, name) == 0;
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
        if (is_left(s, sessions, entry->d_name))
            discard(s, entry->d_name);
    if (!entry) {
        closedir(w->pass);
        w->pass = NULL;
    }
}
