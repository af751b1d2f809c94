#include "state/redis_conn.h"

#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>
#include <hiredis/hiredis.h>

#include "state/redis_sentinel.h"

#define REST_MIN_MS 50u
#define REST_MAX_MS 2000u

struct redis_conn {
    struct redis_conn_options o;
    struct redis_link *link;         /* owned */
    struct redis_sentinel *sentinel; /* owned or NULL */
    struct event *on_rested;         /* owned */
    uint64_t rest_ms;
    unsigned greetings; /* answers that are still due */
    bool is_up;
    struct redis_hello hello;
};

static void rest(struct redis_conn *c)
{
    uint64_t ms = c->rest_ms / 2 + arc4random_uniform((uint32_t)(c->rest_ms / 2 + 1));
    const struct timeval t = {.tv_sec = (time_t)(ms / 1000),
                              .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    c->rest_ms = 2 * c->rest_ms < REST_MAX_MS ? 2 * c->rest_ms : REST_MAX_MS;
    (void)event_add(c->on_rested, &t);
}

static void dial(struct redis_conn *c, const char *host, uint16_t port)
{
    const struct redis_place place = {
        .path = c->o.url->path, .host = host, .port = port, .tls = c->o.tls};
    redis_link_open(c->link, &place);
}

static void on_rested(evutil_socket_t fd, short what, void *arg)
{
    struct redis_conn *c = arg;
    if (c->sentinel)
        redis_sentinel_ask(c->sentinel);
    else if (c->o.url->kind == REDIS_URL_UNIX)
        dial(c, NULL, 0);
    else
        dial(c, c->o.url->endpoint[0].host, c->o.url->endpoint[0].port);
}

static void on_found(void *arg, const char *host, uint16_t port, const char *error)
{
    struct redis_conn *c = arg;
    if (host)
        return dial(c, host, port);
    c->o.events->on_down(c->o.arg, error, false);
    rest(c);
}

/* ---- greeting ---- */

/* The value of "name:value\r\n" in an answer to INFO. */
static void get_info(const char *info, const char *name, char *ret, size_t size)
{
    size_t len = strlen(name);
    for (const char *line = info; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, len) != 0 || line[len] != ':')
            continue;
        const char *value = line + len + 1;
        (void)snprintf(ret, size, "%.*s", (int)strcspn(value, "\r\n"), value);
        return;
    }
}

static void read_info(struct redis_hello *h, const char *info)
{
    char number[32] = "", role[16] = "";
    get_info(info, "run_id", h->run_id, sizeof(h->run_id));
    get_info(info, "redis_version", h->version, sizeof(h->version));
    get_info(info, "maxmemory_policy", h->policy, sizeof(h->policy));
    get_info(info, "maxmemory", number, sizeof(number));
    get_info(info, "role", role, sizeof(role));
    h->maxmemory = strtoull(number, NULL, 10);
    h->is_replica = strcmp(role, "slave") == 0;
}

static void greeted(struct redis_conn *c)
{
    if (--c->greetings > 0)
        return;
    if (c->hello.is_replica)
        return redis_link_close(c->link, "it is a replica, not the primary");
    c->is_up = true;
    c->rest_ms = REST_MIN_MS;
    c->o.events->on_up(c->o.arg, &c->hello);
}

static void refuse(struct redis_conn *c, const char *what, const struct redisReply *r)
{
    char why[160];
    (void)snprintf(why, sizeof(why), "%s: %s", what, r->str);
    redis_link_close(c->link, why);
}

static void on_needed(struct redis_conn *c, const char *what, enum redis_outcome o,
                      const struct redisReply *r)
{
    if (o == REDIS_E_REPLY)
        refuse(c, what, r);
    else if (o == REDIS_E_NONE)
        greeted(c);
    else if (o == REDIS_E_TIMEOUT) /* what comes later counts for nothing: it would never be up */
        redis_link_close(c->link, "it does not answer (redis.timeout)");
}

static void on_auth(void *arg, enum redis_outcome o, const struct redisReply *r)
{
    on_needed(arg, "AUTH", o, r);
}

static void on_select(void *arg, enum redis_outcome o, const struct redisReply *r)
{
    on_needed(arg, "SELECT", o, r);
}

static void on_script(void *arg, enum redis_outcome o, const struct redisReply *r)
{
    on_needed(arg, "SCRIPT LOAD", o, r);
}

static bool is_forbidden(enum redis_outcome o, const struct redisReply *r)
{
    return o == REDIS_E_REPLY && strncmp(r->str, "NOPERM", 6) == 0;
}

/* A user that may not set a name does without. */
static void on_name(void *arg, enum redis_outcome o, const struct redisReply *r)
{
    if (is_forbidden(o, r))
        greeted(arg);
    else
        on_needed(arg, "CLIENT SETNAME", o, r);
}

static void on_info(void *arg, enum redis_outcome o, const struct redisReply *r)
{
    struct redis_conn *c = arg;
    if (o == REDIS_E_NONE && r->type == REDIS_REPLY_STRING)
        read_info(&c->hello, r->str);
    if (is_forbidden(o, r))
        greeted(c);
    else
        on_needed(c, "INFO", o, r);
}

static void greet(struct redis_conn *c, redis_reply_fn *fn, const char *const *argv)
{
    CLEANUP(redis_args_deinit) struct redis_args args = {0};
    const struct redis_call call = {.on_reply = fn, .arg = c};
    for (; *argv; argv++)
        redis_args_str(&args, *argv);
    if (redis_link_send(c->link, &call, &args) == REDIS_E_NONE)
        c->greetings++;
    else
        redis_link_close(c->link, "it could not be greeted");
}
#define GREET(c, fn, ...) greet((c), (fn), (const char *const[]){__VA_ARGS__, NULL})

static void on_open(void *arg)
{
    struct redis_conn *c = arg;
    const struct redis_url *u = c->o.url;
    char db[16];
    (void)snprintf(db, sizeof(db), "%u", u->db);
    c->greetings = 0;
    memset(&c->hello, 0, sizeof(c->hello));
    if (u->user)
        GREET(c, on_auth, "AUTH", u->user, u->password);
    else if (u->password)
        GREET(c, on_auth, "AUTH", u->password);
    if (u->db)
        GREET(c, on_select, "SELECT", db);
    GREET(c, on_name, "CLIENT", "SETNAME", c->o.name);
    for (size_t i = 0; c->o.scripts && i < REDIS_SCRIPTS_MAX && c->o.scripts[i]; i++)
        GREET(c, on_script, "SCRIPT", "LOAD", c->o.scripts[i]->text);
    GREET(c, on_info, "INFO");
}

static void on_closed(void *arg, const char *why)
{
    struct redis_conn *c = arg;
    bool was_up = c->is_up;
    c->is_up = false;
    rest(c);
    c->o.events->on_down(c->o.arg, why, was_up);
}

static void on_push(void *arg, const struct redisReply *reply)
{
    struct redis_conn *c = arg;
    if (c->is_up && c->o.events->on_push)
        c->o.events->on_push(c->o.arg, reply);
    else
        redis_link_close(c->link, "it answered what was not asked");
}

struct redis_conn *redis_conn_new(const struct redis_conn_options *o)
{
    static const struct redis_link_events events = {
        .on_open = on_open, .on_closed = on_closed, .on_push = on_push};
    struct redis_conn *c = xcalloc(1, sizeof(*c));
    c->o = *o;
    c->rest_ms = REST_MIN_MS;
    c->link = redis_link_new(&(struct redis_link_options){
        .base = o->base,
        .timeout_ms = o->config->redis_timeout_ms,
        .max_queue_bytes = o->config->redis_max_queue_bytes,
        .events = &events,
        .arg = c,
    });
    if (o->url->kind == REDIS_URL_SENTINEL)
        c->sentinel = redis_sentinel_new(&(struct redis_sentinel_options){.base = o->base,
                                                                          .config = o->config,
                                                                          .url = o->url,
                                                                          .tls = o->tls,
                                                                          .done = on_found,
                                                                          .arg = c});
    c->on_rested = event_new(o->base, -1, 0, on_rested, c);
    if (!c->on_rested)
        abort();
    event_active(c->on_rested, EV_TIMEOUT, 0);
    return c;
}

struct redis_conn *redis_conn_free(struct redis_conn *c)
{
    if (!c)
        return NULL;
    c->is_up = false;
    redis_link_free(c->link);
    redis_sentinel_free(c->sentinel);
    event_free(c->on_rested);
    free(c);
    return NULL;
}

bool redis_conn_is_up(const struct redis_conn *c)
{
    return c->is_up && redis_link_is_open(c->link);
}

struct redis_link *redis_conn_link(struct redis_conn *c)
{
    return c->link;
}
