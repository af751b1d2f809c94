#include "server/mcp/live.h"

#include <pthread.h>
#include <string.h>

#include "state/base/map.h"

struct live {
    pthread_mutex_t lock;
    struct map *requests; /* scope and id -> struct mcp_request, borrowed */
};

struct live *live_new(void)
{
    struct live *l = xcalloc(1, sizeof *l);

    pthread_mutex_init(&l->lock, NULL);
    l->requests = map_new();
    return l;
}

struct live *live_free(struct live *l)
{
    if (!l)
        return NULL;
    map_free(l->requests);
    pthread_mutex_destroy(&l->lock);
    free(l);
    return NULL;
}

static char *make_key(const char *scope, const char *raw_id)
{
    CLEANUP(free_p) char *id = jsonrpc_id_key(raw_id, strlen(raw_id));
    struct buf key = {0};

    buf_printf(&key, "%s %s", scope, id);
    return buf_steal(&key);
}

void live_add(struct live *l, struct mcp_request *rq)
{
    const char *scope = request_scope(rq);

    if (!scope)
        return;
    rq->live_key = make_key(scope, rq->id);
    pthread_mutex_lock(&l->lock);
    map_set(l->requests, rq->live_key, rq); /* of two with one id the later can be cancelled */
    pthread_mutex_unlock(&l->lock);
}

void live_remove(struct live *l, struct mcp_request *rq)
{
    if (!rq->live_key)
        return;
    pthread_mutex_lock(&l->lock);
    if (map_find(l->requests, rq->live_key) == rq)
        map_remove(l->requests, rq->live_key);
    pthread_mutex_unlock(&l->lock);
    free(TAKE_PTR(rq->live_key));
}

static void on_cancel(void *arg)
{
    request_cancel(arg);
    mcp_request_unref(arg);
}

void live_cancel(struct live *l, const char *scope, const struct jsonrpc_message *notification)
{
    CLEANUP(free_p) char *id = jsonrpc_raw_param(notification, "requestId", NULL);

    if (!id)
        return;
    CLEANUP(free_p) char *key = make_key(scope, id);
    pthread_mutex_lock(&l->lock);
    struct mcp_request *rq = map_find(l->requests, key);
    if (rq)
        home_post(mcp_request_home(rq), on_cancel, mcp_request_ref(rq));
    pthread_mutex_unlock(&l->lock);
}
