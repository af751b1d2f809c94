#include "server/http/health.h"

#include <string.h>

#include "state/base/buf.h"
#include "state/base/json_text.h"
#include "state/base/metrics.h"

static void reply_json(struct exchange *x, int status, const char *json)
{
    static const struct exchange_header no_store = {"Cache-Control", "no-store"};

    exchange_reply(x, status, "application/json", json, strlen(json), &no_store, 1);
}

static void serve_health(struct exchange *x, void *arg)
{
    reply_json(x, 200, "{\"status\":\"healthy\"}");
}

/* It answers, so it lives. */
static void serve_live(struct exchange *x, void *arg)
{
    reply_json(x, 200, "{\"status\":\"alive\"}");
}

static const char *reach(bool is_tree)
{
    return is_tree ? "tree" : "process";
}

/* What a limit holds for here; one that is missing makes the server unready only on demand. */
static void add_limits(const struct health *h, struct buf *json)
{
    buf_printf(json, ",\"limits\":{\"memory\":\"%s\",\"processes\":\"%s\",\"cpu\":\"%s\"}",
               reach(h->tree_memory), h->tree_processes ? "tree" : "user", reach(h->tree_cpu));
    json_text_member_str(json, "note", h->note[0] ? h->note : NULL);
}

static void serve_ready(struct exchange *x, void *arg)
{
    const struct health_source *source = arg;
    struct health h;
    CLEANUP(buf_deinit) struct buf json = {0};

    source->get(source->arg, &h);
    bool is_ready = h.is_keeper_ready && !h.is_disk_low && !h.is_draining && !h.is_limit_missing &&
                    !h.is_id_taken;
    buf_printf(&json, "{\"status\":\"%s\",\"keeper\":\"%s\",\"disk\":\"%s\",\"draining\":%s",
               is_ready ? "ready" : "not ready", h.is_keeper_ready ? "ok" : "not ready",
               h.is_disk_low ? "low" : "ok", h.is_draining ? "true" : "false");
    if (h.redis) /* away is no reason not to be asked: what runs here goes on, and is served */
        buf_printf(&json, ",\"redis\":\"%s\"", h.redis);
    if (h.is_keeper_ready)
        add_limits(&h, &json);
    buf_append_char(&json, '}');
    reply_json(x, is_ready ? 200 : 503, json.data);
}

static void serve_metrics(struct exchange *x, void *arg)
{
    CLEANUP(buf_deinit) struct buf text = {0};

    metrics_render(&text);
    exchange_reply(x, 200, "text/plain; version=0.0.4; charset=utf-8", text.data, text.len, NULL,
                   0);
}

size_t health_routes(const struct health_source *source, struct exchange_route *to, size_t max)
{
    const struct exchange_route routes[HEALTH_ROUTES] = {
        {.path = "/health", .methods = "GET", .is_public = true, .handle = serve_health},
        {.path = "/health/live", .methods = "GET", .is_public = true, .handle = serve_live},
        {.path = "/health/ready",
         .methods = "GET",
         .is_public = true,
         .handle = serve_ready,
         .arg = (void *)source},
        {.path = "/metrics", .methods = "GET", .handle = serve_metrics}};

    assert(max >= HEALTH_ROUTES);
    memcpy(to, routes, sizeof routes);
    return HEALTH_ROUTES;
}
