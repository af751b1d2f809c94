#include "state/redis.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>

#include <event2/event.h>

#include "config/redis_url.h"
#include "state/base/clock.h"
#include "state/base/log.h"
#include "state/base/metrics.h"
#include "state/redis_channels.h"
#include "state/redis_conn.h"
#include "state/redis_stream.h"
#include "state/redis_tls.h"

#define WATCHERS_MAX 8
/* A connection that keeps failing is told again so often. */
#define REMIND_MS 60000u

struct redis {
    struct event_base *base;     /* borrowed */
    const struct config *config; /* borrowed */
    char *name;                  /* owned */
    struct redis_url url;
    char where[128]; /* it is, for the log */
    SSL_CTX *tls;    /* owned or NULL */
    struct redis_script *scripts[REDIS_SCRIPTS_MAX + 1];
    size_t n_scripts;
    const struct redis_watcher *watchers[WATCHERS_MAX]; /* borrowed */
    size_t n_watchers;
    struct redis_conn *conn;         /* owned: commands */
    struct redis_channels *channels; /* owned */
    struct redis_stream *stream;     /* owned or NULL */
    struct event *on_pulse;          /* owned */
    uint64_t since_ms;
    char run_id[64]; /* of the server that answered last */
    char why[192];   /* it is away, as logged */
    uint64_t why_ms;
};

/* ---- up and down ---- */

/* A policy that evicts what has no TTL, or any key, forgets running executions. */
static void check_policy(const struct redis_hello *h)
{
    if (!h->policy[0])
        LOG_WARN("redis_policy_unknown",
                 LOG_STR("next", "let this user run INFO, or see to it that maxmemory-policy is "
                                 "noeviction or volatile-*"));
    else if (strcmp(h->policy, "noeviction") != 0 && strncmp(h->policy, "volatile-", 9) != 0)
        LOG_WARN("redis_evicts", LOG_STR("maxmemory_policy", h->policy),
                 LOG_U64("maxmemory", h->maxmemory),
                 LOG_STR("danger", "when its memory is full, Redis deletes what replicas still "
                                   "need: executions and sessions disappear"),
                 LOG_STR("next", "set maxmemory-policy to noeviction or volatile-ttl"));
}

static void on_up(void *arg, const struct redis_hello *h)
{
    struct redis *r = arg;
    bool is_other = !h->run_id[0] || strcmp(h->run_id, r->run_id) != 0;
    (void)snprintf(r->run_id, sizeof(r->run_id), "%s", h->run_id);
    r->since_ms = clock_mono_ms();
    r->why[0] = '\0';
    metric_set(METRIC_REDIS_UP, NULL, NULL, 1);
    metric_add(METRIC_REDIS_CONNECTS, NULL, NULL, 1);
    LOG_INFO("redis_connected", LOG_STR("at", r->where), LOG_STR("version", h->version),
             LOG_STR("run_id", h->run_id),
             LOG_STR("is", is_other ? "another server than before" : "the same server as before"));
    if (is_other)
        check_policy(h);
    for (size_t i = 0; i < r->n_watchers; i++)
        r->watchers[i]->on_up(r->watchers[i]->arg, is_other);
}

static void on_down(void *arg, const char *why, bool was_up)
{
    struct redis *r = arg;
    uint64_t now = clock_mono_ms();
    if (was_up || strcmp(why, r->why) != 0 || now - r->why_ms >= REMIND_MS) {
        LOG_WARN("redis_away", LOG_STR("at", r->where), LOG_STR("why", why));
        (void)snprintf(r->why, sizeof(r->why), "%s", why);
        r->why_ms = now;
    }
    metric_set(METRIC_REDIS_UP, NULL, NULL, 0);
    if (!was_up)
        return;
    r->since_ms = now;
    for (size_t i = 0; i < r->n_watchers; i++)
        r->watchers[i]->on_down(r->watchers[i]->arg);
}

/* ---- a quiet connection ---- */

static void on_pulse(evutil_socket_t fd, short what, void *arg)
{
    struct redis *r = arg;
    uint64_t quiet_ms = clock_mono_ms() - redis_link_heard_ms(redis_conn_link(r->conn));
    if (redis_conn_is_up(r->conn) && quiet_ms >= r->config->redis_timeout_ms / 4)
        DISREGARD(redis_ask(r, NULL, "PING")); /* the link notices when there is no answer */
}

/* ---- the whole ---- */

static struct redis_conn_options options(struct redis *r)
{
    return (struct redis_conn_options){
        .base = r->base, .config = r->config, .url = &r->url, .tls = r->tls, .name = r->name};
}

static void name_place(struct redis *r)
{
    const struct redis_url *u = &r->url;
    if (u->kind == REDIS_URL_UNIX)
        (void)snprintf(r->where, sizeof(r->where), "%s", u->path);
    else if (u->kind == REDIS_URL_SENTINEL)
        (void)snprintf(r->where, sizeof(r->where), "%s", u->service);
    else
        (void)snprintf(r->where, sizeof(r->where), "%s:%u", u->endpoint[0].host,
                       u->endpoint[0].port);
}

static int read_config(struct redis *r)
{
    struct config_problem problem;
    CLEANUP(free_p) char *error = NULL;
    if (!redis_url_parse(r->config->redis_url, &r->url, &problem))
        return -EINVAL; /* config/check.c took it */
    name_place(r);
    if (!r->url.is_tls)
        return 0;
    r->tls = redis_tls_new(r->config, &error);
    if (!r->tls)
        LOG_ERROR("redis_tls_not_usable", LOG_STR("why", error));
    return r->tls ? 0 : -EINVAL;
}

static void start(struct redis *r)
{
    static const struct redis_conn_events events = {.on_up = on_up, .on_down = on_down};
    const uint64_t pulse_ms = r->config->redis_timeout_ms / 4;
    const struct timeval pulse = {.tv_sec = (time_t)(pulse_ms / 1000),
                                  .tv_usec = (suseconds_t)(pulse_ms % 1000 * 1000)};
    struct redis_conn_options o = options(r);
    r->channels = redis_channels_new(&o, r->config->redis_max_channels);
    o.scripts = r->scripts;
    o.events = &events;
    o.arg = r;
    r->conn = redis_conn_new(&o);
    r->on_pulse = event_new(r->base, -1, EV_PERSIST, on_pulse, r);
    if (!r->on_pulse || event_add(r->on_pulse, &pulse) < 0)
        abort();
}

int redis_new(struct event_base *base, const struct config *c, const char *name, struct redis **ret)
{
    struct redis *r = xcalloc(1, sizeof(*r));
    r->base = base;
    r->config = c;
    r->name = xstrdup(name);
    int error = read_config(r);
    if (error < 0) {
        redis_free(r);
        return error;
    }
    start(r);
    *ret = r;
    return 0;
}

struct redis *redis_free(struct redis *r)
{
    if (!r)
        return NULL;
    redis_stream_free(r->stream);
    redis_conn_free(r->conn);
    redis_channels_free(r->channels);
    if (r->on_pulse)
        event_free(r->on_pulse);
    SSL_CTX_free(r->tls);
    redis_url_deinit(&r->url);
    for (size_t i = 0; i < r->n_scripts; i++)
        r->scripts[i]->is_added = false;
    free(r->name);
    free(r);
    return NULL;
}

bool redis_is_up(const struct redis *r)
{
    return redis_conn_is_up(r->conn);
}

uint64_t redis_since_ms(const struct redis *r)
{
    return r->since_ms;
}

const char *redis_why(const struct redis *r)
{
    return r->why;
}

void redis_watch(struct redis *r, const struct redis_watcher *w)
{
    assert(r->n_watchers < WATCHERS_MAX);
    r->watchers[r->n_watchers++] = w;
}

/* ---- commands ---- */

static enum redis_outcome send_commands(struct redis *r, const struct redis_call *call,
                                        const struct redis_args *commands, size_t n)
{
    struct redis_call mine = call ? *call : (struct redis_call){0};
    if (!redis_conn_is_up(r->conn))
        return REDIS_E_DOWN;
    if (mine.timeout_ms > r->config->redis_timeout_ms)
        mine.timeout_ms = 0;
    enum redis_outcome o = redis_link_send_all(redis_conn_link(r->conn), &mine, commands, n);
    metric_add(METRIC_REDIS_COMMANDS, o == REDIS_E_NONE ? "sent" : "refused", NULL, 1);
    return o;
}

enum redis_outcome redis_command(struct redis *r, const struct redis_call *call,
                                 const struct redis_args *args)
{
    return send_commands(r, call, args, 1);
}

enum redis_outcome redis_transaction(struct redis *r, const struct redis_call *call,
                                     const struct redis_args *commands, size_t n)
{
    struct redis_args all[REDIS_TRANSACTION_MAX + 2] = {0};
    assert(n <= REDIS_TRANSACTION_MAX);
    redis_args_str(&all[0], "MULTI");
    for (size_t i = 0; i < n; i++)
        all[i + 1] = commands[i]; /* borrowed */
    redis_args_str(&all[n + 1], "EXEC");
    enum redis_outcome o = send_commands(r, call, all, n + 2);
    redis_args_deinit(&all[0]);
    redis_args_deinit(&all[n + 1]);
    return o;
}

enum redis_outcome redis_command_strv(struct redis *r, const struct redis_call *call,
                                      const char *const *argv)
{
    CLEANUP(redis_args_deinit) struct redis_args args = {0};
    for (; *argv; argv++)
        redis_args_str(&args, *argv);
    return redis_command(r, call, &args);
}

void redis_add_script(struct redis *r, struct redis_script *s)
{
    unsigned char sum[SHA_DIGEST_LENGTH];
    assert(r->n_scripts < REDIS_SCRIPTS_MAX && !s->is_added);
    (void)SHA1((const unsigned char *)s->text, strlen(s->text), sum);
    for (size_t i = 0; i < sizeof(sum); i++)
        (void)snprintf(s->sha + 2 * i, 3, "%02x", sum[i]);
    s->is_added = true;
    r->scripts[r->n_scripts++] = s;
}

/* ---- channels and the stream ---- */

struct redis_subscription *redis_subscribe(struct redis *r, const char *channel,
                                           const struct redis_listener *l, void *arg)
{
    return redis_channels_add(r->channels, channel, l, arg);
}

void redis_follow(struct redis *r, const char *stream, const char *after,
                  const struct redis_follower *f)
{
    const struct redis_conn_options o = options(r);
    assert(!r->stream);
    r->stream = redis_stream_new(&o, stream, after, f);
}

void redis_unfollow(struct redis *r)
{
    r->stream = redis_stream_free(r->stream);
}
