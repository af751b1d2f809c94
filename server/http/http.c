/* The server object: one home for each thread, all of them on the same bound sockets. */
#include "server/http/http.h"

#include <errno.h>
#include <string.h>

#include <sys/resource.h>

#include "server/http/http_impl.h"
#include "server/http/listener.h"
#include "server/http/router.h"
#include "state/base/log.h"

#define THREADS_MAX 8
/* Descriptors that connections leave to journals, the keeper and the rest: at most half of all. */
#define RESERVED_FDS 512

/* Neither name is ever looked up: each listener has one host. */
static h2o_hostconf_t *host_new(struct http *http, const char *name)
{
    h2o_hostconf_t *host =
        h2o_config_register_host(&http->h2o, h2o_iovec_init(name, strlen(name)), 65535);

    router_register(http, host);
    return host;
}

static void configure_h2o(struct http *http)
{
    const struct config *c = http->config;

    h2o_config_init(&http->h2o);
    http->h2o.server_name = h2o_iovec_init("", 0);
    /* h2o counts "at least" for chunks and "more than" for lengths; guard.c decides exactly. */
    http->h2o.max_request_entity_size = c->max_body_bytes + 1;
    /* Follows the wall clock, as all timers of h2o do: a step of it ends idle connections early or
     * late. Our own timers do not. */
    http->h2o.http1.req_timeout = c->request_timeout_ms;
    /* Its HTTP/2 is not to be had: no defence against rapid reset (CVE-2023-44487). */
    http->h2o.http1.upgrade_to_http2 = 0;
    http->h2o.http2.callbacks = (h2o_protocol_callbacks_t){0};
    http->tcp_hosts[0] = host_new(http, "tcp");
    http->unix_hosts[0] = host_new(http, "unix");
}

static unsigned n_threads(const struct config *c)
{
    long cpus = c->threads ? (long)c->threads : sysconf(_SC_NPROCESSORS_ONLN);

    return cpus < 1 ? 1 : cpus > THREADS_MAX && !c->threads ? THREADS_MAX : (unsigned)cpus;
}

static unsigned connection_limit(const struct config *c)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return c->max_connections;
    uint64_t reserved = limit.rlim_cur / 2 < RESERVED_FDS ? limit.rlim_cur / 2 : RESERVED_FDS;
    uint64_t left = limit.rlim_cur - reserved;
    if (left >= c->max_connections)
        return c->max_connections;
    LOG_WARN("connections_limited_by_descriptors", LOG_U64("max_connections", left),
             LOG_U64("configured", c->max_connections), LOG_U64("nofile", limit.rlim_cur));
    return (unsigned)left;
}

int http_new(const struct http_options *o, struct http **ret, char **ret_error)
{
    struct http *h = xcalloc(1, sizeof *h);

    h->config = o->config;
    h->routes = xcalloc(o->n_routes + 1, sizeof *h->routes);
    while (h->n_routes < o->n_routes) {
        h->routes[h->n_routes] = o->routes[h->n_routes];
        h->n_routes++;
    }
    h->auth = o->auth;
    h->max_connections = connection_limit(o->config);
    configure_h2o(h);
    int r = listener_bind(h, ret_error);
    if (r < 0) {
        http_free(h);
        return r;
    }
    *ret = h;
    return 0;
}

int http_start(struct http *h)
{
    unsigned n = n_threads(h->config);
    int r = 0;

    h->homes = xcalloc(n, sizeof *h->homes);
    while (h->n_homes < n && r == 0)
        r = home_init(&h->homes[h->n_homes++], h);
    for (unsigned i = 0; i < n && r == 0; i++)
        r = home_start(&h->homes[i]);
    if (r < 0)
        http_stop(h);
    return r;
}

uint16_t http_port(const struct http *h)
{
    return h->port;
}

void http_drain(struct http *h)
{
    listener_unbind(h);
    for (unsigned i = 0; i < h->n_homes; i++)
        home_drain(&h->homes[i]);
}

unsigned http_open_requests(const struct http *h)
{
    return atomic_load(&h->n_open);
}

bool http_has_balancer(const struct http *h)
{
    return atomic_load(&h->has_balancer) && atomic_load(&h->n_connections) > 0;
}

void http_stop(struct http *h)
{
    for (unsigned i = 0; i < h->n_homes; i++)
        home_stop(&h->homes[i]);
}

struct http *http_free(struct http *h)
{
    if (!h)
        return NULL;
    http_stop(h);
    for (unsigned i = 0; i < h->n_homes; i++)
        home_deinit(&h->homes[i]);
    free(h->homes);
    free(h->routes);
    listener_unbind(h);
    h2o_config_dispose(&h->h2o);
    free(h);
    return NULL;
}
