#include "exec/egress/egress.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include <sys/eventfd.h>

#include <event2/dns.h>

#include "exec/egress/egress_impl.h"
#include "state/base/fd.h"
#include "state/base/log.h"

enum order_kind { ORDER_ADD = 1, ORDER_REMOVE, ORDER_STOP };

struct order {
    struct list link;
    enum order_kind kind;
    char id[EXECUTION_ID_MAX + 1];
    int fd;                       /* owned; ADD */
    struct egress_policy *policy; /* owned; ADD */
};

struct egress {
    struct egress_core core;
    struct event *on_orders; /* owned */
    int event_fd;            /* owned; readable when there are orders */
    pthread_mutex_t lock;
    struct list orders; /* owned, guarded by lock */
    bool is_started, is_stopping;
    pthread_t thread;
};

/* ---- orders ---- */

static struct order *order_new(enum order_kind kind, const char *id)
{
    struct order *o = xcalloc(1, sizeof(*o));
    o->kind = kind;
    o->fd = -1;
    if (id)
        memcpy(o->id, id, strnlen(id, EXECUTION_ID_MAX));
    return o;
}

static void order_free(struct order *o)
{
    fd_closep(&o->fd);
    egress_policy_free(o->policy);
    free(o);
}

static void give(struct egress *e, struct order *o)
{
    const uint64_t one = 1;

    pthread_mutex_lock(&e->lock);
    bool was_empty = list_is_empty(&e->orders);
    list_append(&e->orders, &o->link);
    pthread_mutex_unlock(&e->lock);
    if (was_empty)
        (void)!write(e->event_fd, &one, sizeof(one));
}

static void add(struct egress *e, struct order *o)
{
    if (map_find(e->core.sites, o->id))
        return;
    struct egress_site *s = site_new(&e->core, o->id, TAKE_FD(o->fd), TAKE_PTR(o->policy));
    if (s)
        map_set(e->core.sites, s->id, s);
    else
        LOG_ERROR("egress_not_added", LOG_STR("exec", o->id));
}

static void remove_site(struct egress *e, const char *id)
{
    struct egress_site *s = map_remove(e->core.sites, id);
    if (s)
        site_free(s);
}

static void obey(struct egress *e, struct order *o)
{
    switch (o->kind) {
    case ORDER_ADD:
        add(e, o);
        break;
    case ORDER_REMOVE:
        remove_site(e, o->id);
        break;
    case ORDER_STOP:
        e->is_stopping = true;
        break;
    }
    order_free(o);
}

static void take_orders(struct egress *e, struct list *to)
{
    uint64_t n;

    list_init(to);
    pthread_mutex_lock(&e->lock);
    (void)!read(e->event_fd, &n, sizeof(n));
    list_move_all(&e->orders, to);
    pthread_mutex_unlock(&e->lock);
}

static void on_orders(evutil_socket_t fd, short what, void *arg)
{
    struct list orders;

    take_orders(arg, &orders);
    list_for_each_safe (l, next, &orders) {
        list_remove(l);
        obey(arg, CONTAINER_OF(l, struct order, link));
    }
}

/* ---- names ---- */

/* evdns says that name servers come and go. */
static void on_dns_log(int is_warning, const char *text)
{
    LOG_DEBUG("egress_dns", LOG_STR("what", text));
}

/* No search list: "intranet" must not become a name that nobody asked for. */
static int set_up_dns(struct egress_core *c)
{
    int failed = 0;

    evdns_set_log_fn(on_dns_log);
    c->dns = evdns_base_new(c->base, 0);
    if (!c->dns)
        return -ENOMEM;
    for (char *const *n = c->o.nameservers; n && *n && !failed; n++)
        failed = evdns_base_nameserver_ip_add(c->dns, *n);
    if (!c->o.nameservers || !*c->o.nameservers)
        /* Without the file it asks this machine, as resolv.conf(5) says. */
        (void)evdns_base_resolv_conf_parse(c->dns, DNS_OPTION_NAMESERVERS | DNS_OPTION_MISC,
                                           "/etc/resolv.conf");
    evdns_base_search_clear(c->dns);
    (void)evdns_base_set_option(c->dns, "timeout:", "3");
    (void)evdns_base_set_option(c->dns, "attempts:", "2");
    if (c->o.hosts_file && *c->o.hosts_file)
        (void)evdns_base_load_hosts(c->dns, c->o.hosts_file);
    return failed ? -EINVAL : 0;
}

/* ---- life ---- */

static int set_up(struct egress *e)
{
    e->core.base = event_base_new();
    e->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!e->core.base || e->event_fd < 0)
        return -ENOMEM;
    e->on_orders = event_new(e->core.base, e->event_fd, EV_READ | EV_PERSIST, on_orders, e);
    if (!e->on_orders || event_add(e->on_orders, NULL) < 0)
        return -ENOMEM;
    return set_up_dns(&e->core);
}

int egress_new(const struct egress_options *o, struct egress **ret)
{
    struct egress *e = xcalloc(1, sizeof(*e));

    e->core.o = *o;
    e->event_fd = -1;
    pthread_mutex_init(&e->lock, NULL);
    list_init(&e->orders);
    e->core.sites = map_new();
    int r = set_up(e);
    e->core.o.nameservers = NULL;
    e->core.o.hosts_file = NULL;
    if (r < 0)
        e = egress_free(e);
    else
        *ret = e;
    return r;
}

static void *run(void *arg)
{
    struct egress *e = arg;
    while (!e->is_stopping)
        event_base_loop(e->core.base, EVLOOP_ONCE);
    return NULL;
}

int egress_start(struct egress *e)
{
    sigset_t all, old;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* signals are main's */
    int error = pthread_create(&e->thread, NULL, run, e);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    e->is_started = error == 0;
    return -error;
}

void egress_stop(struct egress *e)
{
    if (!e->is_started)
        return;
    give(e, order_new(ORDER_STOP, NULL));
    pthread_join(e->thread, NULL);
    e->is_started = false;
}

static void free_site(const char *key, void *site, void *arg)
{
    (void)map_remove(arg, key);
    site_free(site);
}

static void free_orders(struct egress *e)
{
    list_for_each_safe (l, next, &e->orders) {
        list_remove(l);
        order_free(CONTAINER_OF(l, struct order, link));
    }
}

struct egress *egress_free(struct egress *e)
{
    if (!e)
        return NULL;
    assert(!e->is_started);
    map_each(e->core.sites, free_site, e->core.sites);
    map_free(e->core.sites);
    free_orders(e);
    if (e->core.dns)
        evdns_base_free(e->core.dns, 1);
    if (e->on_orders)
        event_free(e->on_orders);
    if (e->core.base) {
        (void)event_base_loop(e->core.base, EVLOOP_NONBLOCK); /* lookups that were given up */
        event_base_free(e->core.base);
    }
    fd_closep(&e->event_fd);
    pthread_mutex_destroy(&e->lock);
    free(e);
    return NULL;
}

void egress_add(struct egress *e, const char *id, int listener_fd, struct egress_policy *policy)
{
    struct order *o = order_new(ORDER_ADD, id);
    o->fd = listener_fd;
    o->policy = policy;
    give(e, o);
}

void egress_remove(struct egress *e, const char *id)
{
    give(e, order_new(ORDER_REMOVE, id));
}
