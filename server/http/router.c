/*
 * The way of a request to its handler: guards, route, method, who asks. Refusals of h2o's own, made
 * before a handler is asked, leave as the same kind of JSON by way of a filter.
 */
#include "server/http/router.h"

#include <string.h>

#include "server/http/cors.h"
#include "server/http/guard.h"
#include "server/http/hangup.h"
#include "server/http/linger.h"
#include "server/http/status.h"
#include "state/base/log.h"
#include "state/base/metrics.h"

struct router {
    h2o_handler_t super; /* first: h2o hands it back */
    struct http *http;
};

static const struct exchange_route *find_route(const struct http *http, const char *path)
{
    for (size_t i = 0; i < http->n_routes; i++)
        if (strcmp(http->routes[i].path, path) == 0)
            return &http->routes[i];
    return NULL;
}

/* methods: "POST, GET" */
static bool is_method_in(const char *methods, const char *method)
{
    size_t len = strlen(method);

    for (const char *p = methods; *p; p += strspn(p, ", ")) {
        size_t n = strcspn(p, ", ");

        if (n == len && memcmp(p, method, len) == 0)
            return true;
        p += n;
    }
    return false;
}

/* Answers what the handler is not there for. HEAD is GET to a handler that names its methods. */
static bool is_method_served(struct exchange *x, const struct exchange_route *route)
{
    if (!route->methods || is_method_in(route->methods, x->method))
        return true;
    if (x->is_head && is_method_in(route->methods, "GET")) {
        x->method = "GET";
        return true;
    }
    exchange_refuse(x, 405, "this path has other methods: see Allow",
                    &(struct exchange_header){"Allow", route->methods});
    return false;
}

static bool authenticate(struct exchange *x, const struct exchange_route *route)
{
    const struct authenticator *auth = &x->home->http->auth;
    const char *challenge = "Bearer";

    if (auth->is_open || route->is_public)
        return true;
    x->principal = auth->check(auth->arg, x, &challenge);
    x->is_authenticated = x->principal != NULL;
    if (!x->principal)
        exchange_refuse(x, 401, "a valid token is needed: send Authorization: Bearer <token>",
                        &(struct exchange_header){"WWW-Authenticate", challenge});
    return x->principal != NULL;
}

static void serve(struct exchange *x)
{
    const struct refusal *refusal = guard_check(x);
    struct http *http = x->home->http;

    if (!atomic_load_explicit(&http->has_balancer, memory_order_relaxed) &&
        exchange_header(x, BALANCER_HEADER, NULL))
        atomic_store(&http->has_balancer, true);
    if (refusal) {
        exchange_refuse(x, refusal->status, refusal->text, NULL);
        return;
    }
    const struct exchange_route *route = find_route(http, x->path);
    if (!route) {
        exchange_refuse(x, 404, "nothing is served at this path", NULL);
        return;
    }
    if (cors_is_preflight(x)) {
        cors_reply_preflight(x, route->methods);
        return;
    }
    if (!is_method_served(x, route) || !authenticate(x, route))
        return;
    route->handle(x, route->arg);
    /* Nobody is left who could answer. */
    if (x->refs == 2 && x->phase == EXCHANGE_WAITING) {
        LOG_ERROR("handler_gave_no_reply", LOG_STR("path", x->path));
        exchange_refuse(x, 500, "the server gave no reply", NULL);
    }
}

static int on_request(h2o_handler_t *self, h2o_req_t *req)
{
    struct home *h = CONTAINER_OF(req->conn->ctx, struct home, context);
    struct exchange *x = exchange_ref(exchange_new(h, req));

    serve(x);
    if (exchange_is_open(x))
        hangup_watch(x);
    exchange_unref(x);
    return 0;
}

struct own_words {
    h2o_ostream_t super; /* first */
    h2o_iovec_t body;
};

static void send_own_words(h2o_ostream_t *self, h2o_req_t *req, h2o_iovec_t *bufs, size_t n,
                           h2o_send_state_t state)
{
    struct own_words *o = (struct own_words *)self;

    h2o_ostream_send_next(self, req, &o->body, 1, state);
}

/* h2o refuses requests that it does not read to the end, in plain text, always in one piece, and
 * ends their connections. */
static void on_h2o_refusal(h2o_filter_t *self, h2o_req_t *req, h2o_ostream_t **slot)
{
    const char *text = "{\"error\":\"this is no valid HTTP/1.1 request\"}";

    if (req->res.status == 413)
        text = "{\"error\":\"the request's body is larger than server.max_body allows\"}";
    else if (req->res.status == 417)
        text = "{\"error\":\"only Expect: 100-continue is known\"}";
    struct own_words *o = (struct own_words *)h2o_add_ostream(req, sizeof *o, slot);
    o->super.do_send = send_own_words;
    o->body = h2o_iovec_init(text, strlen(text));
    req->res.reason = status_reason(req->res.status);
    req->res.content_length = o->body.len;
    h2o_set_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE,
                   H2O_STRLIT("application/json"), 1);
    metric_add(METRIC_HTTP_REQUESTS, status_class(req->res.status), NULL, 1);
    linger_on_close(CONTAINER_OF(req->conn->ctx, struct home, context),
                    req->conn->callbacks->get_socket(req->conn));
    h2o_setup_next_ostream(req, &o->super.next);
}

void router_register(struct http *http, h2o_hostconf_t *host)
{
    struct router *r =
        (struct router *)h2o_create_handler(h2o_config_register_path(host, "/", 0), sizeof *r);

    r->super.on_req = on_request;
    r->http = http;
    /* Every normalised path begins with a slash, so only h2o itself answers from the fall-back. */
    h2o_create_filter(&host->fallback_path, sizeof(h2o_filter_t))->on_setup_ostream =
        on_h2o_refusal;
}
