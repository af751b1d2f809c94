#include "server/mcp/news_exec.h"

#include <stdio.h>

#include "server/mcp/resource_uri.h"
#include "server/mcp/task.h"

#define URI_MAX (EXECUTION_ID_MAX + 32)

/* ---- who may follow what ---- */

/* Looks at one name after the other, and takes out those of nothing that the caller has. */
struct screening {
    struct exec_request er; /* first */
    cJSON *uris, *task_ids; /* borrowed from the request */
    cJSON *at;              /* borrowed: the name that is looked at; NULL: before the first */
    cJSON *list;            /* borrowed: where it is; NULL: no list is left */
};

/* "": nothing that changes. */
static void execution_of(const struct screening *s, char ret[EXECUTION_ID_MAX + 1])
{
    struct resource_uri uri;
    const char *name = s->at->valuestring;
    ret[0] = '\0';
    if (s->list == s->task_ids && strlen(name) <= EXECUTION_ID_MAX)
        memcpy(ret, name, strlen(name) + 1);
    else if (s->list == s->uris && resource_uri_is_followed(name, &uri))
        memcpy(ret, uri.id, sizeof(uri.id));
}

/* Behind the name that was looked at. */
static void move(struct screening *s, bool is_kept)
{
    cJSON *seen = s->at;
    s->at = seen->next;
    if (!is_kept)
        cJSON_Delete(cJSON_DetachItemViaPointer(s->list, seen));
}

/* The next name, in whichever list; false: there is none. */
static bool find_name(struct screening *s)
{
    while (!s->at && s->list) {
        s->list = s->list == s->uris ? s->task_ids : NULL;
        s->at = s->list ? s->list->child : NULL;
    }
    return s->at;
}

static void finish(struct screening *s)
{
    struct mcp_request *rq = mcp_request_ref(s->er.rq);
    exec_request_end(&s->er);
    mcp_listen_screened(rq);
    mcp_request_unref(rq);
}

static void on_view(struct exec_request *er, struct call *c);

static void look_at_next(struct screening *s)
{
    char id[EXECUTION_ID_MAX + 1] = "";
    while (find_name(s)) {
        execution_of(s, id);
        if (id[0])
            break;
        move(s, false);
    }
    if (!s->at)
        return finish(s);
    struct call *c = exec_request_call(&s->er, CALL_WAIT);
    memcpy(c->id, id, sizeof(id));
    exec_request_send(&s->er, c, on_view);
}

static void on_view(struct exec_request *er, struct call *c)
{
    struct screening *s = (struct screening *)er;
    bool is_there = c->outcome == CALL_OK;
    call_free(c);
    move(s, is_there);
    look_at_next(s);
}

void news_exec_screen(struct mcp_request *rq, cJSON *uris, cJSON *task_ids, void *pack_arg)
{
    struct screening *s = xcalloc(1, sizeof(*s));
    exec_request_init(&s->er, rq, pack_arg, NULL);
    s->uris = uris;
    s->task_ids = task_ids;
    s->list = uris ? uris : task_ids;
    s->at = s->list ? s->list->child : NULL;
    look_at_next(s);
}

/* ---- who is followed ---- */

static void watch(const struct pack_exec *p, const char *id, bool is_on)
{
    if (is_on)
        reactor_watch(p->reactor, id);
    else
        reactor_unwatch(p->reactor, id);
}

void news_exec_watch_resource(const char *uri, bool is_on, void *pack_arg)
{
    struct resource_uri parsed;
    if (resource_uri_is_followed(uri, &parsed))
        watch(pack_arg, parsed.id, is_on);
}

void news_exec_watch_task(const char *id, bool is_on, void *pack_arg)
{
    watch(pack_arg, id, is_on);
}

/* ---- what they are told ---- */

static void tell_updated(const struct pack_exec *p, const char *principal, const char *id,
                         const char *kind)
{
    char uri[URI_MAX];
    (void)snprintf(uri, sizeof(uri), "exec://%s/%s", id, kind);
    mcp_resource_updated(p->core, principal, uri);
}

void news_exec_tell(void *arg, const char *principal, const struct execution_view *v, unsigned what)
{
    const struct pack_exec *p = arg;
    if (what & NEWS_OUTPUT)
        tell_updated(p, principal, v->id, "output");
    if (!(what & (NEWS_STATUS | NEWS_WAITS)))
        return;
    tell_updated(p, principal, v->id, "status");
    mcp_task_changed(p->core, principal, v->id);
}

void news_exec_tell_list(void *arg, const char *principal)
{
    const struct pack_exec *p = arg;
    mcp_resources_changed(p->core, principal);
}
