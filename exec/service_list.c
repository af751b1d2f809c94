/* CALL_LIST: our own executions, newest first; peers add theirs. */
#include <string.h>

#include "exec/peers.h"
#include "exec/service.h"

static bool is_listed(const struct call *c, const struct entry *e)
{
    if (strcmp(e->principal, c->principal) != 0)
        return false;
    if (c->list.session_only &&
        (!e->session_id || !c->session_id || strcmp(e->session_id, c->session_id) != 0))
        return false;
    if (c->list.status && e->status != c->list.status)
        return false;
    if (!c->list.before_id[0])
        return true;
    return e->created_us < c->list.before_us ||
           (e->created_us == c->list.before_us && strcmp(e->id, c->list.before_id) < 0);
}

void service_list(struct service *s, struct call *c)
{
    c->views = xcalloc(c->list.limit + 1, sizeof(*c->views));
    for (struct list *l = s->registry.by_age.prev; l != &s->registry.by_age; l = l->prev) {
        const struct entry *e = CONTAINER_OF(l, struct entry, by_age);
        if (!is_listed(c, e))
            continue;
        if (c->n_views == c->list.limit) {
            c->has_more = true;
            break;
        }
        service_view(e, &c->views[c->n_views++]);
    }
    if (s->peers)
        peers_list(s->peers, c);
    else
        service_answer(c, CALL_OK, NULL);
}
