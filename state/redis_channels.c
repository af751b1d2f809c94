/*
 * A channel is an object with the subscriptions that name it; Redis is told of the first and of the
 * last. A connection that is new is told all of them. While it is up, a quiet one is asked PING
 * now and then: nothing else would tell that the other side is gone.
 *
 * A message may end subscriptions, also that which it is given to: the walk marks its place by a
 * link of its own in the list.
 */
#include "state/redis_channels.h"

#include <event2/event.h>
#include <hiredis/hiredis.h>

#include "state/base/clock.h"
#include "state/base/list.h"
#include "state/base/map.h"

struct channel {
    struct redis_channels *channels; /* borrowed */
    char *name;                      /* owned; the map's key */
    struct list subscriptions;       /* owned */
    bool is_ready;                   /* Redis has confirmed it */
};

struct redis_subscription {
    struct list link;               /* channel.subscriptions */
    struct channel *channel;        /* borrowed */
    const struct redis_listener *l; /* borrowed */
    void *arg;
    bool is_told; /* on_ready came for the connection there is */
};

struct redis_channels {
    struct redis_conn *conn; /* owned */
    struct map *by_name;     /* owned, with the channels */
    unsigned n, max;         /* subscriptions */
    struct event *on_pulse;  /* owned */
    uint64_t timeout_ms;
    uint64_t pinged_ms; /* 0: no answer is due */
};

static void tell(struct redis_channels *c, const char *verb, const char *name)
{
    CLEANUP(redis_args_deinit) struct redis_args args = {0};
    if (!redis_conn_is_up(c->conn))
        return; /* the next connection is told what there is then */
    redis_args_str(&args, verb);
    if (name)
        redis_args_str(&args, name);
    if (redis_link_tell(redis_conn_link(c->conn), &args) != REDIS_E_NONE)
        redis_link_close(redis_conn_link(c->conn), "it takes no more subscriptions");
}

static void channel_free(struct channel *ch)
{
    (void)map_remove(ch->channels->by_name, ch->name);
    free(ch->name);
    free(ch);
}

/* ---- what comes ---- */

/* Calls fn for each subscription there is now; any of them may go meanwhile. True: the channel is
 * still there. */
static bool each(struct redis_channels *c, const char *name,
                 void fn(struct redis_subscription *s, const redisReply *data),
                 const redisReply *data)
{
    struct channel *ch = map_find(c->by_name, name);
    struct redis_subscription place = {0};
    if (!ch)
        return false;
    /* The place keeps the channel: a list with it in is not empty. */
    list_append(ch->subscriptions.next, &place.link); /* before the first */
    while (place.link.next != &ch->subscriptions) {
        struct list *l = place.link.next;
        struct redis_subscription *s = CONTAINER_OF(l, struct redis_subscription, link);
        list_remove(&place.link);
        list_append(l->next, &place.link); /* behind this one */
        fn(s, data);
    }
    list_remove(&place.link);
    if (!list_is_empty(&ch->subscriptions))
        return true;
    tell(c, "UNSUBSCRIBE", ch->name);
    channel_free(ch);
    return false;
}

static void give(struct redis_subscription *s, const redisReply *data)
{
    s->l->on_message(s->arg, data->str, (size_t)data->len);
}

static void ready(struct redis_subscription *s, const redisReply *data)
{
    if (s->is_told)
        return;
    s->is_told = true;
    if (s->l->on_ready)
        s->l->on_ready(s->arg);
}

static bool is_text(const redisReply *r)
{
    return r->type == REDIS_REPLY_STRING;
}

static void forget(struct channel *ch)
{
    ch->is_ready = false;
    list_for_each (l, &ch->subscriptions)
        CONTAINER_OF(l, struct redis_subscription, link)->is_told = false;
}

static void set_ready(struct redis_channels *c, const char *name, bool is_ready)
{
    struct channel *ch = map_find(c->by_name, name);
    if (ch && is_ready)
        ch->is_ready = true;
    else if (ch)
        forget(ch);
}

static void on_push(void *arg, const struct redisReply *r)
{
    struct redis_channels *c = arg;
    c->pinged_ms = 0;
    if (r->type == REDIS_REPLY_ERROR)
        return redis_link_close(redis_conn_link(c->conn), r->str);
    if (r->type != REDIS_REPLY_ARRAY || r->elements != 3 || !is_text(r->element[0]) ||
        !is_text(r->element[1]))
        return; /* pong; "unsubscribe" of nothing */
    const char *kind = r->element[0]->str, *name = r->element[1]->str;
    if (strcmp(kind, "message") == 0 && is_text(r->element[2])) {
        (void)each(c, name, give, r->element[2]);
    } else if (strcmp(kind, "subscribe") == 0) {
        set_ready(c, name, true);
        (void)each(c, name, ready, NULL);
    } else if (strcmp(kind, "unsubscribe") == 0) {
        /* Of an earlier life of this channel: what was told ready by its confirmation was not. */
        set_ready(c, name, false);
    }
}

/* ---- the connection ---- */

static void subscribe_each(const char *name, void *value, void *arg)
{
    tell(arg, "SUBSCRIBE", name);
}

static void on_up(void *arg, const struct redis_hello *hello)
{
    struct redis_channels *c = arg;
    const struct timeval pulse = {.tv_sec = (time_t)(c->timeout_ms / 4 / 1000),
                                  .tv_usec = (suseconds_t)(c->timeout_ms / 4 % 1000 * 1000)};
    c->pinged_ms = 0;
    map_each(c->by_name, subscribe_each, c);
    (void)event_add(c->on_pulse, &pulse);
}

static void forget_each(const char *name, void *value, void *arg)
{
    forget(value);
}

static void on_down(void *arg, const char *why, bool was_up)
{
    struct redis_channels *c = arg;
    (void)event_del(c->on_pulse);
    map_each(c->by_name, forget_each, c);
}

static void on_pulse(evutil_socket_t fd, short what, void *arg)
{
    struct redis_channels *c = arg;
    uint64_t now = clock_mono_ms();
    if (!redis_conn_is_up(c->conn))
        return;
    if (c->pinged_ms && now - c->pinged_ms >= c->timeout_ms)
        return redis_link_close(redis_conn_link(c->conn), "it does not answer (redis.timeout)");
    if (!c->pinged_ms) {
        c->pinged_ms = now;
        tell(c, "PING", NULL);
    }
}

struct redis_channels *redis_channels_new(const struct redis_conn_options *o, unsigned max)
{
    static const struct redis_conn_events events = {
        .on_up = on_up, .on_down = on_down, .on_push = on_push};
    struct redis_channels *c = xcalloc(1, sizeof(*c));
    struct redis_conn_options mine = *o;
    c->by_name = map_new();
    c->max = max;
    c->timeout_ms = o->config->redis_timeout_ms;
    c->on_pulse = event_new(o->base, -1, EV_PERSIST, on_pulse, c);
    if (!c->on_pulse)
        abort();
    mine.events = &events;
    mine.arg = c;
    c->conn = redis_conn_new(&mine);
    return c;
}

static void free_each(const char *name, void *value, void *arg)
{
    struct channel *ch = value;
    list_for_each_safe (l, next, &ch->subscriptions)
        free(CONTAINER_OF(l, struct redis_subscription, link));
    channel_free(ch);
}

struct redis_channels *redis_channels_free(struct redis_channels *c)
{
    if (!c)
        return NULL;
    redis_conn_free(c->conn);
    event_free(c->on_pulse);
    map_each(c->by_name, free_each, NULL);
    map_free(c->by_name);
    free(c);
    return NULL;
}

/* ---- subscriptions ---- */

static struct channel *get_channel(struct redis_channels *c, const char *name)
{
    struct channel *ch = map_find(c->by_name, name);
    if (ch)
        return ch;
    ch = xcalloc(1, sizeof(*ch));
    ch->channels = c;
    ch->name = xstrdup(name);
    list_init(&ch->subscriptions);
    (void)map_set(c->by_name, ch->name, ch);
    tell(c, "SUBSCRIBE", name);
    return ch;
}

struct redis_subscription *redis_channels_add(struct redis_channels *c, const char *channel,
                                              const struct redis_listener *l, void *arg)
{
    if (c->n >= c->max)
        return NULL;
    struct channel *ch = get_channel(c, channel);
    struct redis_subscription *s = xcalloc(1, sizeof(*s));
    s->channel = ch;
    s->l = l;
    s->arg = arg;
    list_append(&ch->subscriptions, &s->link);
    c->n++;
    if (ch->is_ready) /* confirmed again, which is what tells the new one */
        tell(c, "SUBSCRIBE", channel);
    return s;
}

struct redis_subscription *redis_unsubscribe(struct redis_subscription *s)
{
    if (!s)
        return NULL;
    struct channel *ch = s->channel;
    list_remove(&s->link);
    ch->channels->n--;
    free(s);
    if (list_is_empty(&ch->subscriptions)) {
        tell(ch->channels, "UNSUBSCRIBE", ch->name);
        channel_free(ch);
    }
    return NULL;
}
