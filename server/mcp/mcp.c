#include "server/mcp/mcp.h"

#include <string.h>

#include <sys/random.h>

#include "server/mcp/ask.h"
#include "server/mcp/core.h"
#include "server/mcp/hub.h"
#include "server/mcp/live.h"
#include "server/mcp/registry.h"
#include "server/mcp/shard.h"

struct mcp *mcp_new(const struct mcp_options *o)
{
    struct mcp *m = xcalloc(1, sizeof *m);
    const struct mcp_identity who = {.name = o->name,
                                     .title = o->title,
                                     .version = o->version,
                                     .has_experimental_tasks = o->config->tasks_experimental};

    m->config = o->config;
    m->sessions = o->sessions;
    m->reactor = o->reactor;
    m->registry = registry_new(o->packs, o->n_packs, &who);
    m->hub = hub_new(m);
    m->live = live_new();
    m->asks = asks_new();
    if (o->state_key)
        memcpy(m->state_key, o->state_key, sizeof m->state_key);
    else if (getrandom(m->state_key, sizeof m->state_key, 0) != (ssize_t)sizeof m->state_key)
        abort(); /* getrandom(2): up to 256 bytes are never cut short once the pool is ready */
    return m;
}

struct mcp *mcp_free(struct mcp *m)
{
    if (!m)
        return NULL;
    hub_free(m->hub);
    live_free(m->live);
    asks_free(m->asks);
    registry_free(m->registry);
    shards_free(m);
    free(m);
    return NULL;
}

void mcp_session_ended(struct mcp *m, const char *session_id)
{
    hub_end_session(m->hub, session_id);
    asks_end(m->asks, session_id);
}

void mcp_drain(struct mcp *m)
{
    atomic_store(&m->is_draining, true);
    hub_drain(m->hub);
}

void mcp_list_changed(struct mcp *m, enum mcp_list which)
{
    hub_list_changed(m->hub, which);
}

void mcp_resources_changed(struct mcp *m, const char *principal)
{
    hub_resources_changed(m->hub, principal);
}

void mcp_resource_updated(struct mcp *m, const char *principal, const char *uri)
{
    hub_resource_updated(m->hub, principal, uri);
}
