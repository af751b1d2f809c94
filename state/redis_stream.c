#include "state/redis_stream.h"

#include <stdio.h>

#include <hiredis/hiredis.h>

#define COUNT_MAX "64"
#define ID_MAX    48 /* two 64-bit numbers and a dash */

struct redis_stream {
    struct redis_conn *conn; /* owned */
    char *key;               /* owned */
    char after[ID_MAX];
    uint64_t timeout_ms;
    const struct redis_follower *f; /* borrowed */
    bool is_over;                   /* being freed: nobody is told */
};

static void ask(struct redis_stream *s);

/* False: there is nothing to take. A question that was not answered is asked on a new connection:
 * what comes for it later goes to nobody, and nobody would ask again. */
static bool is_answer(struct redis_stream *s, enum redis_outcome o, const redisReply *r)
{
    if (s->is_over)
        return false;
    if (o == REDIS_E_REPLY)
        redis_link_close(redis_conn_link(s->conn), r->str);
    else if (o == REDIS_E_TIMEOUT)
        redis_link_close(redis_conn_link(s->conn), "it does not answer (redis.timeout)");
    return o == REDIS_E_NONE;
}

/* "$" would skip what comes between two questions: from the first answer on there is an id. */
static void take_id(struct redis_stream *s, const redisReply *id)
{
    if (id->type == REDIS_REPLY_STRING && (size_t)id->len < sizeof(s->after))
        memcpy(s->after, id->str, (size_t)id->len + 1);
}

static bool is_entry(const redisReply *e)
{
    return e->type == REDIS_REPLY_ARRAY && e->elements == 2 &&
           e->element[0]->type == REDIS_REPLY_STRING && (size_t)e->element[0]->len < ID_MAX;
}

static void take_entries(struct redis_stream *s, const redisReply *list)
{
    for (size_t i = 0; list->type == REDIS_REPLY_ARRAY && i < list->elements; i++) {
        const redisReply *e = list->element[i];
        if (!is_entry(e))
            continue;
        take_id(s, e->element[0]);
        if (e->element[1]->type == REDIS_REPLY_ARRAY)
            s->f->on_entry(s->f->arg, e->element[0]->str, e->element[1]);
    }
}

static void on_entries(void *arg, enum redis_outcome o, const struct redisReply *r)
{
    struct redis_stream *s = arg;
    if (!is_answer(s, o, r))
        return;
    /* nil: nothing within the time. Else one stream: its name and its entries. */
    if (r->type == REDIS_REPLY_ARRAY && r->elements == 1 &&
        r->element[0]->type == REDIS_REPLY_ARRAY && r->element[0]->elements == 2)
        take_entries(s, r->element[0]->element[1]);
    ask(s);
}

static void ask(struct redis_stream *s)
{
    CLEANUP(redis_args_deinit) struct redis_args args = {0};
    /* A question comes back within half the timeout, so that silence is noticed by then. */
    const struct redis_call call = {
        .on_reply = on_entries, .arg = s, .timeout_ms = s->timeout_ms + s->timeout_ms / 2};
    redis_args_str(&args, "XREAD");
    redis_args_str(&args, "COUNT");
    redis_args_str(&args, COUNT_MAX);
    redis_args_str(&args, "BLOCK");
    redis_args_u64(&args, s->timeout_ms / 2);
    redis_args_str(&args, "STREAMS");
    redis_args_str(&args, s->key);
    redis_args_str(&args, s->after);
    if (redis_link_send(redis_conn_link(s->conn), &call, &args) != REDIS_E_NONE)
        redis_link_close(redis_conn_link(s->conn), "it could not be asked");
}

/* "$" becomes the id of the last entry, before anything can be missed. */
static void on_last(void *arg, enum redis_outcome o, const struct redisReply *r)
{
    struct redis_stream *s = arg;
    if (!is_answer(s, o, r))
        return;
    (void)snprintf(s->after, sizeof(s->after), "0");
    if (r->type == REDIS_REPLY_ARRAY && r->elements > 0 && is_entry(r->element[0]))
        take_id(s, r->element[0]->element[0]);
    ask(s);
}

static void on_up(void *arg, const struct redis_hello *hello)
{
    struct redis_stream *s = arg;
    CLEANUP(redis_args_deinit) struct redis_args args = {0};
    const struct redis_call call = {.on_reply = on_last, .arg = s};
    if (strcmp(s->after, "$") != 0)
        return ask(s);
    redis_args_str(&args, "XREVRANGE");
    redis_args_str(&args, s->key);
    redis_args_str(&args, "+");
    redis_args_str(&args, "-");
    redis_args_str(&args, "COUNT");
    redis_args_str(&args, "1");
    if (redis_link_send(redis_conn_link(s->conn), &call, &args) != REDIS_E_NONE)
        redis_link_close(redis_conn_link(s->conn), "it could not be asked");
}

static void on_down(void *arg, const char *why, bool was_up)
{
}

struct redis_stream *redis_stream_new(const struct redis_conn_options *o, const char *key,
                                      const char *after, const struct redis_follower *f)
{
    static const struct redis_conn_events events = {.on_up = on_up, .on_down = on_down};
    struct redis_stream *s = xcalloc(1, sizeof(*s));
    struct redis_conn_options mine = *o;
    s->key = xstrdup(key);
    s->f = f;
    s->timeout_ms = o->config->redis_timeout_ms;
    (void)snprintf(s->after, sizeof(s->after), "%s", after);
    mine.events = &events;
    mine.arg = s;
    s->conn = redis_conn_new(&mine);
    return s;
}

struct redis_stream *redis_stream_free(struct redis_stream *s)
{
    if (!s)
        return NULL;
    s->is_over = true;
    redis_conn_free(s->conn);
    free(s->key);
    free(s);
    return NULL;
}
