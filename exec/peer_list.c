/*
 * A list over replicas: our own executions from the registry, the others from the principal's index
 * in Redis (or the session's), page by page, their records with them, so many at a time that a turn
 * of the loop reads little. What is here is not asked of Redis. Without Redis the list is our own,
 * and says that it is not all.
 */
#include <stdio.h>

#include "exec/peers_impl.h"
#include "state/base/log.h"
#include "state/redis_reply.h"

#define PAGE_IDS  200u
#define PAGES_MAX 50u /* of an index in which little fits the filter */
/* Of records that are read at a time, but for the first: some ms of JSON. */
#define TURN_BYTES (256u << 10)

/* KEYS records; ARGV most bytes. As many as fit, at least one; "": it is not there. */
const char list_records_script[] = "local v, bytes = {}, 0\n"
                                   "for i = 1, #KEYS do\n"
                                   "  local text = redis.call('GET', KEYS[i]) or ''\n"
                                   "  bytes = bytes + #text\n"
                                   "  if i > 1 and bytes > tonumber(ARGV[1]) then break end\n"
                                   "  v[i] = text\n"
                                   "end\n"
                                   "return v\n";

struct listing {
    struct peers *peers;  /* borrowed */
    struct call *call;    /* owned; views and records: what was found so far, sorted */
    struct list link;     /* peers.listings */
    unsigned pages;       /* read so far */
    bool is_last;         /* the index has no more behind this page */
    char scan[24];        /* of a session's set: where its next page begins */
    char **keys;          /* owned: of the page's records */
    size_t n_keys, at;    /* those from here on are still to be read */
    struct record *found; /* owned: foreign ones that fit, at most limit + 1 */
    size_t n_found;
};

static bool is_before(const struct call *c, uint64_t created_us, const char *id)
{
    return !c->list.before_id[0] || created_us < c->list.before_us ||
           (created_us == c->list.before_us && strcmp(id, c->list.before_id) < 0);
}

static bool fits(const struct call *c, const struct record *r)
{
    if (strcmp(r->principal, c->principal) != 0 || r->reserved)
        return false;
    if (c->list.session_only &&
        (!r->session_id || !c->session_id || strcmp(r->session_id, c->session_id) != 0))
        return false;
    if (c->list.status && r->status != c->list.status)
        return false;
    return is_before(c, r->created_us, r->id);
}

/* Newest first. */
static int compare(uint64_t a_us, const char *a_id, uint64_t b_us, const char *b_id)
{
    return a_us != b_us ? (a_us < b_us ? 1 : -1) : strcmp(b_id, a_id);
}

static void free_keys(struct listing *g)
{
    for (size_t i = 0; i < g->n_keys; i++)
        free(g->keys[i]);
    free(g->keys);
    g->keys = NULL;
    g->n_keys = g->at = 0;
}

static void free_listing(struct listing *g)
{
    for (size_t i = 0; i < g->n_found; i++)
        record_deinit(&g->found[i]);
    free(g->found);
    free_keys(g);
    call_free(g->call);
    free(g);
}

/* Keeps the newest limit + 1 of them. */
static void keep(struct listing *g, struct record *taken)
{
    size_t at = g->n_found, max = (size_t)g->call->list.limit + 1;
    while (at > 0 && compare(taken->created_us, taken->id, g->found[at - 1].created_us,
                             g->found[at - 1].id) < 0)
        at--;
    if (at > 0 && strcmp(g->found[at - 1].id, taken->id) == 0)
        return record_deinit(taken); /* the index moved on under us */
    if (at == max)
        return record_deinit(taken);
    if (g->n_found == max)
        record_deinit(&g->found[--g->n_found]);
    memmove(g->found + at + 1, g->found + at, (g->n_found - at) * sizeof(*g->found));
    g->found[at] = *taken;
    g->n_found++;
}

static void view_record(const struct record *r, struct execution_view *v)
{
    *v = (struct execution_view){.status = r->status,
                                 .interactive = r->interactive,
                                 .created_us = r->created_us,
                                 .started_us = r->started_us,
                                 .last_output_us = r->last_output_us,
                                 .changed_us = r->has_exit ? r->exit.ended_us : r->changed_us,
                                 .waiting = r->waiting,
                                 .inputs = r->inputs,
                                 .events = r->events,
                                 .output_bytes = r->output_bytes};
    memcpy(v->id, r->id, sizeof(v->id));
}

/* Ours and theirs as one list. */
static void merge(struct listing *g)
{
    struct call *c = g->call;
    struct execution_view *ours = TAKE_PTR(c->views);
    size_t n_ours = c->n_views, i = 0, k = 0, limit = c->list.limit;
    bool has_more = c->has_more;
    c->views = xcalloc(limit + 1, sizeof(*c->views));
    c->records = xcalloc(limit + 1, sizeof(*c->records));
    for (c->n_views = 0; c->n_views < limit && (i < n_ours || k < g->n_found); c->n_views++) {
        struct execution_view *v = &c->views[c->n_views];
        bool is_ours =
            k == g->n_found || (i < n_ours && compare(ours[i].created_us, ours[i].id,
                                                      g->found[k].created_us, g->found[k].id) < 0);
        if (is_ours) {
            *v = ours[i++];
            continue;
        }
        view_record(&g->found[k], v);
        c->records[c->n_views] = g->found[k];
        g->found[k++] = (struct record){0};
    }
    c->has_more = has_more || i < n_ours || k < g->n_found;
    free(ours);
}

static void done(struct listing *g, bool is_whole)
{
    struct call *c = TAKE_PTR(g->call);
    list_remove(&g->link);
    g->peers->n_calls--;
    if (c) {
        g->call = c;
        merge(g);
        g->call = NULL;
        c->is_partial = !is_whole;
        service_answer(c, CALL_OK, NULL);
    }
    free_listing(g);
}

static void read_records(struct listing *g);
static void read_page(struct listing *g);

/* The page has been read. */
static void turn_page(struct listing *g)
{
    /* The index is in order: what is behind a full page is older. A session's is not. */
    bool is_full = !g->call->list.session_only && g->n_found > g->call->list.limit;
    if (g->is_last || is_full)
        return done(g, true);
    if (g->pages >= PAGES_MAX)
        return done(g, false);
    read_page(g);
}

static void on_records(void *arg, enum redis_outcome o, const struct redisReply *reply)
{
    struct listing *g = arg;
    size_t n = redis_reply_count(reply);
    if (!g->call || o != REDIS_E_NONE || n == 0 || n > g->n_keys - g->at)
        return done(g, false);
    for (size_t i = 0; i < n; i++) {
        size_t len;
        const char *text = redis_reply_text(redis_reply_at(reply, i), &len);
        struct record r = {0};
        if (!text || !record_read(text, len, &r))
            continue; /* it expired: so will its place in the index */
        if (fits(g->call, &r))
            keep(g, &r);
        else
            record_deinit(&r);
    }
    g->at += n;
    if (g->at < g->n_keys)
        read_records(g);
    else
        turn_page(g);
}

static void read_records(struct listing *g)
{
    CLEANUP(redis_args_deinit) struct redis_args args = {0};
    struct peers *p = g->peers;
    redis_args_script(&args, &p->scripts[PEER_SCRIPT_LIST], g->n_keys - g->at);
    for (size_t i = g->at; i < g->n_keys; i++)
        redis_args_str(&args, g->keys[i]);
    redis_args_u64(&args, TURN_BYTES);
    const struct redis_call call = {.on_reply = on_records, .arg = g};
    if (redis_command(p->redis, &call, &args) != REDIS_E_NONE)
        done(g, false);
}

static bool is_here(const struct peers *p, const char *id)
{
    const struct entry *e = registry_find(&p->service->registry, id);
    return e && !e->shadow;
}

/* Of those that are not here. */
static void take_ids(struct listing *g, const struct redisReply *ids)
{
    free_keys(g);
    g->keys = xcalloc(redis_reply_count(ids) + 1, sizeof(*g->keys));
    for (size_t i = 0; i < redis_reply_count(ids); i++) {
        const char *id = redis_reply_text(redis_reply_at(ids, i), NULL);
        if (id && id_is_valid(id) && !is_here(g->peers, id))
            g->keys[g->n_keys++] = record_key(id);
    }
    if (g->n_keys > 0)
        read_records(g);
    else
        turn_page(g);
}

static void on_ids(void *arg, enum redis_outcome o, const struct redisReply *reply)
{
    struct listing *g = arg;
    if (!g->call || o != REDIS_E_NONE)
        return done(g, false);
    if (!g->call->list.session_only) {
        g->is_last = redis_reply_count(reply) < PAGE_IDS;
        return take_ids(g, reply);
    }
    const char *next = redis_reply_text(redis_reply_at(reply, 0), NULL);
    (void)snprintf(g->scan, sizeof(g->scan), "%s", next ? next : "0");
    g->is_last = strcmp(g->scan, "0") == 0;
    take_ids(g, redis_reply_at(reply, 1));
}

static void read_page(struct listing *g)
{
    const struct call *c = g->call;
    CLEANUP(redis_args_deinit) struct redis_args args = {0};
    char max[32] = "+inf";
    CLEANUP(free_p)
    char *key =
        c->list.session_only ? record_session_key(c->session_id) : record_owner_key(c->principal);
    redis_args_str(&args, c->list.session_only ? "SSCAN" : "ZREVRANGEBYSCORE");
    redis_args_str(&args, key);
    if (c->list.session_only) {
        redis_args_str(&args, g->scan[0] ? g->scan : "0");
        redis_args_str(&args, "COUNT");
        redis_args_u64(&args, PAGE_IDS);
    } else {
        /* As the mirror writes scores: the same text is the same number. The cursor's own
         * microsecond again, since ids decide in it. */
        if (c->list.before_id[0])
            (void)snprintf(max, sizeof(max), "%llu.%06llu",
                           (unsigned long long)(c->list.before_us / 1000000),
                           (unsigned long long)(c->list.before_us % 1000000));
        redis_args_str(&args, max);
        redis_args_str(&args, "-inf");
        redis_args_str(&args, "LIMIT");
        redis_args_u64(&args, (uint64_t)g->pages * PAGE_IDS);
        redis_args_u64(&args, PAGE_IDS);
    }
    g->pages++;
    const struct redis_call call = {.on_reply = on_ids, .arg = g};
    if (redis_command(g->peers->redis, &call, &args) != REDIS_E_NONE)
        done(g, false);
}

void peers_list(struct peers *p, struct call *c)
{
    if (p->n_calls >= p->config->max_waiters || p->is_released) {
        c->is_partial = true;
        return service_answer(c, CALL_OK, NULL);
    }
    struct listing *g = xcalloc(1, sizeof(*g));
    g->peers = p;
    g->call = c;
    g->found = xcalloc((size_t)c->list.limit + 2, sizeof(*g->found));
    list_append(&p->listings, &g->link);
    p->n_calls++;
    read_page(g);
}

struct call *peer_list_take_call(struct peers *p, uint64_t serial)
{
    list_for_each (l, &p->listings) {
        struct listing *g = CONTAINER_OF(l, struct listing, link);
        if (g->call && g->call->serial == serial)
            return TAKE_PTR(g->call);
    }
    return NULL;
}

void peer_list_release_all(struct peers *p)
{
    list_for_each (l, &p->listings) {
        struct call *c = TAKE_PTR(CONTAINER_OF(l, struct listing, link)->call);
        if (!c)
            continue;
        c->is_partial = true;
        service_answer(c, CALL_OK, NULL);
    }
}
