#include "server/mcp/ask.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "server/mcp/shard.h"
#include "state/base/clock.h"
#include "state/base/map.h"

/* Open questions of all clients together. */
#define ASKS_MAX 1024
/* People answer some of them. */
#define ASK_TIMEOUT_MS 300000

struct asks {
    pthread_mutex_t lock;
    struct map *open; /* scope and id -> struct ask, a reference each */
    _Atomic uint64_t last_id;
};

struct ask {
    _Atomic unsigned refs;
    struct home *home;               /* borrowed; constant */
    char *key;                       /* owned; constant */
    struct mcp_request *rq;          /* home: NULL once fn was called, which ends it before the
                                        request */
    struct list rq_link, shard_link; /* home */
    uint64_t asked_ms;
    void (*fn)(struct mcp_request *rq, const cJSON *result, void *arg);
    void *arg;
};

const char *ask_capability(const char *method)
{
    static const struct {
        const char *method, *capability;
    } needs[] = {
        {"ping", ""},
        {"roots/list", "roots"},
        {"sampling/createMessage", "sampling"},
        {"elicitation/create", "elicitation"},
    };

    for (size_t i = 0; i < ARRAY_LEN(needs); i++) {
        if (strcmp(needs[i].method, method) == 0)
            return needs[i].capability;
    }
    return NULL;
}

struct asks *asks_new(void)
{
    struct asks *a = xcalloc(1, sizeof *a);

    pthread_mutex_init(&a->lock, NULL);
    a->open = map_new();
    return a;
}

struct asks *asks_free(struct asks *a)
{
    if (!a)
        return NULL;
    assert(map_size(a->open) == 0);
    map_free(a->open);
    pthread_mutex_destroy(&a->lock);
    free(a);
    return NULL;
}

static void ask_unref(struct ask *ask)
{
    if (atomic_fetch_sub(&ask->refs, 1) != 1)
        return;
    free(ask->key);
    free(ask);
}

/* Out of the table; its reference is the caller's. NULL: not there. */
static struct ask *take_open(struct asks *a, const char *key)
{
    pthread_mutex_lock(&a->lock);
    struct ask *ask = map_remove(a->open, key);
    pthread_mutex_unlock(&a->lock);
    return ask;
}

/* Home thread. The request lives: it has not been answered while its question is open. */
static void finish(struct ask *ask, const cJSON *result)
{
    struct mcp_request *rq = ask->rq;

    if (!rq)
        return;
    ask->rq = NULL;
    list_remove(&ask->rq_link);
    list_remove(&ask->shard_link);
    struct ask *open = take_open(rq->core->asks, ask->key);
    if (open)
        ask_unref(open);
    ask->fn(rq, result, ask->arg);
    ask_unref(ask); /* the request's reference */
}

void asks_drop(struct mcp_request *rq)
{
    struct list *it;

    mcp_request_ref(rq);
    while ((it = list_first(&rq->asks)))
        finish(CONTAINER_OF(it, struct ask, rq_link), NULL);
    mcp_request_unref(rq);
}

void asks_expire(struct list *asked, uint64_t now_ms)
{
    struct list *it;

    while ((it = list_first(asked))) {
        struct ask *ask = CONTAINER_OF(it, struct ask, shard_link);
        if (now_ms - ask->asked_ms < ASK_TIMEOUT_MS)
            break;
        finish(ask, NULL);
    }
}

struct answer {
    struct ask *ask;                 /* reference */
    struct jsonrpc_message response; /* zeroed: there is none */
};

static void on_answer(void *arg)
{
    struct answer *answer = arg;

    finish(answer->ask, json_get(answer->response.tree, "result"));
    ask_unref(answer->ask);
    jsonrpc_message_deinit(&answer->response);
    free(answer);
}

/* ask: its reference is taken, as is the response. */
static void post_answer(struct ask *ask, struct jsonrpc_message response)
{
    struct answer *answer = xcalloc(1, sizeof *answer);

    answer->ask = ask;
    answer->response = response;
    answer->response.text = NULL; /* the exchange's, which ends before */
    home_post(ask->home, on_answer, answer);
}

void asks_answer(struct asks *a, const char *scope, struct jsonrpc_message *response)
{
    struct buf key = {0};

    buf_printf(&key, "%s %.*s", scope, (int)response->id.len, response->text + response->id.offset);
    struct ask *ask = take_open(a, key.data);
    buf_deinit(&key);
    if (!ask)
        return;
    post_answer(ask, *response);
    *response = (struct jsonrpc_message){0};
}

struct ending {
    struct map *open;
    const char *scope;
};

static void end_each(const char *key, void *value, void *arg)
{
    const struct ending *e = arg;
    size_t len = strlen(e->scope);

    if (strncmp(key, e->scope, len) != 0 || key[len] != ' ')
        return;
    (void)map_remove(e->open, key);
    post_answer(value, (struct jsonrpc_message){0});
}

void asks_end(struct asks *a, const char *scope)
{
    struct ending e = {.open = a->open, .scope = scope};

    pthread_mutex_lock(&a->lock);
    map_each(a->open, end_each, &e);
    pthread_mutex_unlock(&a->lock);
}

/* ---- asking ---- */

static bool may_ask(const struct mcp_request *rq, const char *method)
{
    const char *capability = ask_capability(method);

    assert(capability);
    if (strcmp(capability, "elicitation") == 0 && !rq->rev->has_elicitation)
        return false;
    return !*capability || mcp_request_client_has(rq, capability);
}

/* Enters the table. The id is unique in this process. False: too many are open. */
static bool ask_open(struct ask *ask, struct mcp_request *rq, uint64_t *ret_id)
{
    struct asks *a = rq->core->asks;
    struct buf key = {0};

    *ret_id = atomic_fetch_add(&a->last_id, 1) + 1;
    buf_printf(&key, "%s %" PRIu64, request_scope(rq), *ret_id);
    ask->key = buf_steal(&key);
    pthread_mutex_lock(&a->lock);
    bool has_room = map_size(a->open) < ASKS_MAX;
    if (has_room)
        map_set(a->open, ask->key, ask);
    pthread_mutex_unlock(&a->lock);
    return has_room;
}

static char *ask_text(uint64_t id, const char *method, const cJSON *params)
{
    CLEANUP(free_p) char *printed = params ? json_print(params) : NULL;
    struct buf b = {0};

    buf_printf(&b, "{\"jsonrpc\":\"2.0\",\"id\":%" PRIu64 ",\"method\":\"%s\"", id, method);
    if (printed) {
        buf_append_str(&b, ",\"params\":");
        buf_append_str(&b, printed);
    }
    buf_append_char(&b, '}');
    return buf_steal(&b);
}

bool mcp_ask(struct mcp_request *rq, const char *method, cJSON *params,
             void (*fn)(struct mcp_request *rq, const cJSON *result, void *arg), void *arg)
{
    CLEANUP(json_deletep) cJSON *owned = params;
    struct ask *ask;
    uint64_t id;

    if (rq->rev->is_modern || !rq->session || rq->state != REQUEST_OPEN || !may_ask(rq, method) ||
        !outlet_commit(rq->outlet))
        return false;
    ask = xcalloc(1, sizeof *ask);
    ask->refs = 2; /* the table's and the request's */
    ask->home = mcp_request_home(rq);
    if (!ask_open(ask, rq, &id)) {
        free(ask->key);
        free(ask);
        return false;
    }
    ask->rq = rq;
    ask->fn = fn;
    ask->arg = arg;
    ask->asked_ms = clock_mono_ms();
    struct shard *shard = shard_get(rq->core, ask->home);
    list_append(&rq->asks, &ask->rq_link);
    list_append(&shard->asked, &ask->shard_link);
    shard_wake(shard);
    return outlet_notify(rq->outlet, ask_text(id, method, owned));
}
