#include "state/redis_sentinel.h"

#include <stdio.h>

#include <hiredis/hiredis.h>

#include "state/redis_link.h"

struct redis_sentinel {
    struct redis_sentinel_options o;
    struct redis_link *link; /* owned */
    size_t current;          /* index of the endpoint that is asked */
    size_t asked;            /* how many have been, this time */
    char host[256];          /* the answer; "" : none */
    uint16_t port;
    char error[192];
};

static void open_current(struct redis_sentinel *s)
{
    const struct redis_endpoint *e = &s->o.url->endpoint[s->current];
    const struct redis_place place = {.host = e->host, .port = e->port, .tls = s->o.tls};
    redis_link_open(s->link, &place);
}

static void set_error(struct redis_sentinel *s, const char *why)
{
    const struct redis_endpoint *e = &s->o.url->endpoint[s->current];
    (void)snprintf(s->error, sizeof(s->error), "sentinel %s:%u: %s", e->host, e->port, why);
}

static bool take_address(struct redis_sentinel *s, const redisReply *r)
{
    if (r->type != REDIS_REPLY_ARRAY || r->elements != 2 ||
        r->element[0]->type != REDIS_REPLY_STRING || r->element[1]->type != REDIS_REPLY_STRING)
        return false;
    const redisReply *host = r->element[0];
    char *end;
    unsigned long port = strtoul(r->element[1]->str, &end, 10);
    if (host->len == 0 || (size_t)host->len >= sizeof(s->host) || *end || port == 0 ||
        port > UINT16_MAX)
        return false;
    memcpy(s->host, host->str, (size_t)host->len + 1);
    s->port = (uint16_t)port;
    return true;
}

static void on_address(void *arg, enum redis_outcome o, const struct redisReply *r)
{
    struct redis_sentinel *s = arg;
    char why[192];
    if (o == REDIS_E_REPLY)
        (void)snprintf(why, sizeof(why), "%s", r->str);
    else if (o != REDIS_E_NONE)
        (void)snprintf(why, sizeof(why), "%s", redis_outcome_name(o));
    else if (take_address(s, r))
        (void)snprintf(why, sizeof(why), "asked");
    else
        (void)snprintf(why, sizeof(why), "it knows no primary named %s", s->o.url->service);
    if (o != REDIS_E_ENDED)
        redis_link_close(s->link, why);
}

static void on_auth(void *arg, enum redis_outcome o, const struct redisReply *r)
{
    struct redis_sentinel *s = arg;
    if (o == REDIS_E_REPLY)
        redis_link_close(s->link, r->str);
}

static bool send(struct redis_sentinel *s, redis_reply_fn *fn, const char *const *argv)
{
    CLEANUP(redis_args_deinit) struct redis_args args = {0};
    const struct redis_call call = {.on_reply = fn, .arg = s};
    for (; *argv; argv++)
        redis_args_str(&args, *argv);
    return redis_link_send(s->link, &call, &args) == REDIS_E_NONE;
}

static void on_open(void *arg)
{
    struct redis_sentinel *s = arg;
    const char *password = s->o.config->redis_sentinel_password;
    const char *const auth[] = {"AUTH", password, NULL};
    const char *const ask[] = {"SENTINEL", "get-master-addr-by-name", s->o.url->service, NULL};
    bool ok = !password || send(s, on_auth, auth);
    if (!ok || !send(s, on_address, ask))
        redis_link_close(s->link, "it could not be asked");
}

static void on_closed(void *arg, const char *why)
{
    struct redis_sentinel *s = arg;
    if (s->host[0])
        return s->o.done(s->o.arg, s->host, s->port, NULL);
    set_error(s, why);
    s->current = (s->current + 1) % s->o.url->n_endpoints;
    if (++s->asked < s->o.url->n_endpoints)
        return open_current(s);
    s->o.done(s->o.arg, NULL, 0, s->error);
}

struct redis_sentinel *redis_sentinel_new(const struct redis_sentinel_options *o)
{
    static const struct redis_link_events events = {.on_open = on_open, .on_closed = on_closed};
    struct redis_sentinel *s = xcalloc(1, sizeof(*s));
    s->o = *o;
    s->link = redis_link_new(&(struct redis_link_options){
        .base = o->base,
        .timeout_ms = o->config->redis_timeout_ms,
        .max_queue_bytes = o->config->redis_max_queue_bytes,
        .events = &events,
        .arg = s,
    });
    return s;
}

struct redis_sentinel *redis_sentinel_free(struct redis_sentinel *s)
{
    if (!s)
        return NULL;
    redis_link_free(s->link);
    free(s);
    return NULL;
}

void redis_sentinel_ask(struct redis_sentinel *s)
{
    s->asked = 0;
    s->host[0] = '\0';
    open_current(s);
}
