#include "exec/reactor.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "exec/egress/egress.h"
#include "exec/inbox.h"
#include "exec/quota.h"
#include "exec/service.h"
#include "exec/session_share.h"
#include "exec/tree_limits.h"
#include "exec/workspaces.h"
#include "state/base/log.h"
#include "state/base/metrics.h"

struct reactor {
    struct sessions *sessions; /* borrowed */
    struct event_base *base;   /* owned */
    struct event *on_inbox;    /* owned */
    struct event *on_tick;     /* owned */
    struct inbox inbox;
    struct service service;
    struct workspaces workspaces;
    struct quota quota;
    struct egress *egress;       /* owned; NULL: no profile needs it */
    struct session_share *share; /* owned; NULL: this server is alone */
    pthread_t thread;
    bool is_started;
    bool is_stopping; /* reactor thread: calls are answered CALL_E_DRAINING */
    /* written by the reactor thread, read by any */
    _Atomic bool is_keeper_ready, is_draining, is_disk_low;
    _Atomic bool is_mirroring;
    _Atomic int redis; /* enum reactor_redis */
    _Atomic unsigned running, pending, tree_limits;
    _Atomic uint64_t journal_bytes;
};

static void publish_health(struct reactor *r)
{
    const struct service *s = &r->service;
    atomic_store_explicit(&r->is_keeper_ready, s->is_attached, memory_order_relaxed);
    atomic_store_explicit(&r->is_draining, s->is_draining, memory_order_relaxed);
    atomic_store_explicit(&r->is_disk_low, s->is_disk_low, memory_order_relaxed);
    atomic_store_explicit(&r->tree_limits, tree_limits_of_host(&s->host), memory_order_relaxed);
    atomic_store_explicit(&r->redis, (int)service_redis_state(s), memory_order_relaxed);
    atomic_store_explicit(&r->is_mirroring, service_is_mirroring(s), memory_order_relaxed);
    atomic_store_explicit(&r->running, s->queue.running, memory_order_relaxed);
    atomic_store_explicit(&r->pending, s->queue.pending, memory_order_relaxed);
    atomic_store_explicit(&r->journal_bytes, s->registry.journal_bytes, memory_order_relaxed);
}

static void stop(struct reactor *r)
{
    r->is_stopping = true;
    service_release_all(&r->service);
    if (r->share)
        session_share_release_all(r->share);
}

static void take_call(struct reactor *r, struct call *c)
{
    switch (c->op) {
    case CALL_START:
    case CALL_WAIT:
    case CALL_STDIN:
    case CALL_CANCEL:
    case CALL_LIST:
        if (r->is_stopping)
            service_answer(c, CALL_E_DRAINING, NULL);
        else
            service_call(&r->service, c);
        return;
    case CALL_SESSION:
        if (r->share && !r->is_stopping)
            session_share_call(r->share, c);
        else
            service_answer(c, CALL_E_DRAINING, NULL);
        return;
    case CALL_ORDER_GIVE_UP:
        service_give_up(&r->service, c->order.serial, c->order.kill);
        break;
    case CALL_ORDER_WATCH:
        service_watch(&r->service, c->id);
        break;
    case CALL_ORDER_UNWATCH:
        service_unwatch(&r->service, c->id);
        break;
    case CALL_ORDER_NOTE:
        service_egress_note(&r->service, c->id, c->input.data);
        break;
    case CALL_ORDER_DRAIN:
        service_drain(&r->service, (enum reactor_drain)c->order.drain);
        break;
    case CALL_ORDER_STOP:
        stop(r);
        break;
    }
    call_free(c);
}

static void on_inbox(evutil_socket_t fd, short what, void *arg)
{
    struct reactor *r = arg;
    struct list calls;
    list_init(&calls);
    inbox_take(&r->inbox, &calls);
    list_for_each_safe (l, next, &calls) {
        list_remove(l);
        take_call(r, CONTAINER_OF(l, struct call, link));
    }
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct reactor *r = arg;
    service_tick(&r->service);
    sessions_expire(r->sessions);
    if (r->share)
        session_share_tick(r->share);
    workspaces_tick(&r->workspaces, &r->service, r->sessions);
    quota_tick(&r->quota, &r->service);
    metric_set(METRIC_SESSIONS, NULL, NULL, sessions_count(r->sessions));
}

static int set_up_loop(struct reactor *r)
{
    r->base = event_base_new();
    if (!r->base)
        return -ENOMEM;
    int error = inbox_init(&r->inbox);
    if (error < 0)
        return error;
    r->on_inbox = event_new(r->base, r->inbox.event_fd, EV_READ | EV_PERSIST, on_inbox, r);
    r->on_tick = event_new(r->base, -1, EV_PERSIST, on_tick, r);
    static const struct timeval second = {.tv_sec = 1};
    if (!r->on_inbox || !r->on_tick || event_add(r->on_inbox, NULL) < 0 ||
        event_add(r->on_tick, &second) < 0)
        return -ENOMEM;
    return 0;
}

static void give_order(struct reactor *r, struct call *c)
{
    if (!inbox_put(&r->inbox, c))
        call_free(c); /* nobody is there any more to give it to */
}

/* On the proxy's thread. */
static void on_egress_note(void *arg, const char *id, const char *note)
{
    struct reactor *r = arg;
    struct call *c = call_new(CALL_ORDER_NOTE, NULL, NULL, NULL);

    memcpy(c->id, id, strnlen(id, EXECUTION_ID_MAX));
    c->input.data = xstrdup(note);
    give_order(r, c);
}

static bool needs_egress(const struct config *c)
{
    for (size_t i = 0; i < c->n_profiles; i++)
        if (c->profiles[i].network == CONFIG_NETWORK_PROXY)
            return true;
    return false;
}

static int set_up_egress(struct reactor *r, const struct config *c)
{
    const struct egress_options o = {
        .max_connections = c->egress_max_connections,
        .max_per_execution = c->egress_max_per_execution,
        .max_header_bytes = c->egress_max_header_bytes,
        .head_timeout_ms = c->egress_head_timeout_ms,
        .connect_timeout_ms = c->egress_connect_timeout_ms,
        .idle_timeout_ms = c->egress_idle_timeout_ms,
        .nameservers = c->egress_nameservers.v,
        .hosts_file = c->egress_hosts_file,
        .on_note = on_egress_note,
        .arg = r,
    };
    int error = needs_egress(c) ? egress_new(&o, &r->egress) : 0;
    r->service.egress = r->egress;
    return error;
}

int reactor_new(const struct config *c, struct sessions *sessions, struct reactor **ret)
{
    struct reactor *r = xcalloc(1, sizeof(*r));
    r->sessions = sessions;
    int error = set_up_loop(r);
    if (error == 0)
        error = service_init(&r->service, c, r->base);
    if (error == 0)
        error = set_up_egress(r, c);
    if (error == 0)
        error = quota_init(&r->quota, c);
    if (error < 0) {
        LOG_ERROR("reactor_not_started", LOG_STR("state_dir", c->state_dir), LOG_ERRNO(error));
        return error; /* main ends the program: nothing here is worth taking apart */
    }
    if (r->service.redis)
        r->share = session_share_new(c, r->service.redis, sessions);
    publish_health(r);
    *ret = r;
    return 0;
}

static void *run(void *arg)
{
    struct reactor *r = arg;
    while (!r->is_stopping) {
        event_base_loop(r->base, EVLOOP_ONCE);
        publish_health(r); /* whatever it was that happened */
    }
    return NULL;
}

void reactor_set_address(struct reactor *r, const char *address)
{
    free(r->service.address);
    r->service.address = xstrdup(address);
}

int reactor_start(struct reactor *r)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* signals are main's */
    int error = pthread_create(&r->thread, NULL, run, r);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    r->is_started = error == 0;
    if (error == 0 && r->egress)
        error = -egress_start(r->egress);
    return -error;
}

void reactor_stop(struct reactor *r)
{
    if (r->is_started) {
        give_order(r, call_new(CALL_ORDER_STOP, NULL, NULL, NULL));
        pthread_join(r->thread, NULL);
    }
    r->is_started = false;
    if (r->egress)
        egress_stop(r->egress);
    r->is_stopping = true;
    inbox_close(&r->inbox);
    on_inbox(-1, 0, r); /* what came too late is answered as well */
}

struct reactor *reactor_free(struct reactor *r)
{
    if (!r)
        return NULL;
    assert(!r->is_started);
    egress_free(r->egress);
    workspaces_deinit(&r->workspaces);
    quota_deinit(&r->quota);
    service_deinit(&r->service);
    session_share_free(r->share);
    event_free(r->on_inbox);
    event_free(r->on_tick);
    inbox_deinit(&r->inbox);
    event_base_free(r->base);
    free(r);
    return NULL;
}

uint64_t reactor_submit(struct reactor *r, struct call *c)
{
    uint64_t serial = inbox_put(&r->inbox, c);
    if (!serial)
        service_answer(c, CALL_E_DRAINING, NULL);
    return serial;
}

void reactor_cancel_call(struct reactor *r, uint64_t serial, bool kill)
{
    struct call *c = call_new(CALL_ORDER_GIVE_UP, NULL, NULL, NULL);
    c->order.serial = serial;
    c->order.kill = kill;
    give_order(r, c);
}

void reactor_drain(struct reactor *r, enum reactor_drain mode)
{
    struct call *c = call_new(CALL_ORDER_DRAIN, NULL, NULL, NULL);
    c->order.drain = (int)mode;
    give_order(r, c);
}

void reactor_on_news(struct reactor *r, reactor_news_fn *fn, void *arg)
{
    assert(!r->is_started);
    r->service.on_news = fn;
    r->service.news_arg = arg;
}

void reactor_on_session_end(struct reactor *r, reactor_session_fn *fn, void *arg)
{
    assert(!r->is_started);
    if (r->share)
        session_share_on_end(r->share, fn, arg);
}

void reactor_on_list_news(struct reactor *r, void (*fn)(void *arg, const char *principal),
                          void *arg)
{
    assert(!r->is_started);
    list_news_listen(r->service.list_news, fn, arg);
}

static void order_watch(struct reactor *r, enum call_op op, const char *id)
{
    struct call *c = call_new(op, NULL, NULL, NULL);
    (void)snprintf(c->id, sizeof(c->id), "%s", id);
    give_order(r, c);
}

void reactor_watch(struct reactor *r, const char *id)
{
    order_watch(r, CALL_ORDER_WATCH, id);
}

void reactor_unwatch(struct reactor *r, const char *id)
{
    order_watch(r, CALL_ORDER_UNWATCH, id);
}

void reactor_get_health(const struct reactor *r, struct reactor_health *ret)
{
    struct execution_limits configured;
    unsigned tree_limits = atomic_load_explicit(&r->tree_limits, memory_order_relaxed);
    tree_limits_configured(r->service.config, &configured);
    *ret = (struct reactor_health){
        .is_keeper_ready = atomic_load_explicit(&r->is_keeper_ready, memory_order_relaxed),
        .is_draining = atomic_load_explicit(&r->is_draining, memory_order_relaxed),
        .redis = (enum reactor_redis)atomic_load_explicit(&r->redis, memory_order_relaxed),
        .is_mirroring = atomic_load_explicit(&r->is_mirroring, memory_order_relaxed),
        .is_disk_low = atomic_load_explicit(&r->is_disk_low, memory_order_relaxed),
        .tree_limits = tree_limits,
        .weak_limits = tree_limits_missing(tree_limits, &configured),
        .running = atomic_load_explicit(&r->running, memory_order_relaxed),
        .pending = atomic_load_explicit(&r->pending, memory_order_relaxed),
        .journal_bytes = atomic_load_explicit(&r->journal_bytes, memory_order_relaxed),
    };
}

struct isolation *reactor_isolation(const struct reactor *r)
{
    return r->service.isolation;
}
