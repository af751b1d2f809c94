#include "server/mcp/request.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "server/mcp/ask.h"
#include "server/mcp/dispatch.h"
#include "server/mcp/live.h"
#include "server/mcp/registry.h"
#include "server/mcp/shard.h"
#include "state/base/clock.h"
#include "state/base/log.h"
#include "state/base/metrics.h"

struct mcp_request *request_new(const struct request_spec *spec)
{
    struct mcp_request *rq = xcalloc(1, sizeof *rq);

    rq->refs = 1;
    rq->core = spec->core;
    rq->rev = spec->rev;
    rq->message = *spec->message;
    *spec->message = (struct jsonrpc_message){0};
    rq->id = xstrndup(rq->message.text + rq->message.id.offset, rq->message.id.len);
    rq->outlet = outlet_ref(spec->outlet);
    outlet_expect(rq->outlet);
    list_append(&rq->outlet->requests, &rq->outlet_link);
    if (spec->session)
        rq->session = session_ref(spec->session);
    list_init(&rq->asks);
    rq->log_level = -1;
    rq->progress_token = jsonrpc_raw_param(&rq->message, "_meta", "progressToken");
    rq->started_us = clock_mono_us();
    return rq;
}

struct mcp_request *mcp_request_ref(struct mcp_request *rq)
{
    atomic_fetch_add(&rq->refs, 1);
    return rq;
}

void mcp_request_unref(struct mcp_request *rq)
{
    if (atomic_fetch_sub(&rq->refs, 1) != 1)
        return;
    assert(rq->state != REQUEST_OPEN && list_is_empty(&rq->asks));
    outlet_unref(rq->outlet);
    session_unrefp(&rq->session);
    cJSON_Delete(rq->empty_arguments);
    cJSON_Delete(rq->listen);
    jsonrpc_message_deinit(&rq->message);
    free(rq->progress_token);
    free(rq->id);
    free(rq);
}

static void release(struct mcp_request *rq)
{
    if (rq->is_released)
        return;
    rq->is_released = true;
    mcp_request_unref(rq);
}

static void count_call(const struct mcp_request *rq, const char *outcome)
{
    if (!rq->tool)
        return;
    uint64_t us = clock_mono_us() - rq->started_us;
    metric_add(METRIC_CALLS, rq->tool->tool->name, outcome, 1);
    metric_observe_us(METRIC_CALL_SECONDS, rq->tool->tool->name, us);
    LOG_DEBUG("call", LOG_STR("tool", rq->tool->tool->name), LOG_STR("outcome", outcome),
              LOG_STR("session", mcp_request_session(rq)), LOG_U64("us", us));
}

/* The one door out of REQUEST_OPEN. False: it was closed before. */
static bool settle(struct mcp_request *rq, enum request_state state, const char *outcome)
{
    if (rq->state != REQUEST_OPEN)
        return false;
    rq->state = state;
    live_remove(rq->core->live, rq);
    list_remove(&rq->outlet_link);
    list_remove(&rq->shard_link);
    count_call(rq, outcome);
    return true;
}

/* text: taken. */
static void answer(struct mcp_request *rq, int status, char *text, const char *outcome)
{
    if (settle(rq, REQUEST_ANSWERED, outcome)) {
        outlet_answer(rq->outlet, status, text);
        asks_drop(rq);
    } else {
        free(text);
    }
    release(rq);
}

void request_park(struct mcp_request *rq)
{
    struct shard *shard = shard_get(rq->core, mcp_request_home(rq));

    live_add(rq->core->live, rq);
    outlet_watch(rq->outlet);
    rq->parked_ms = clock_mono_ms();
    list_append(&shard->parked, &rq->shard_link);
    shard_wake(shard);
}

void request_commit_late(struct mcp_request *rq)
{
    list_remove(&rq->shard_link);
    (void)outlet_commit(rq->outlet); /* JSON only: it stays held back */
}

void request_cancel(struct mcp_request *rq)
{
    void (*on_cancel)(void *arg) = rq->on_cancel;

    if (!settle(rq, REQUEST_CANCELLED, "cancelled"))
        return;
    mcp_request_ref(rq);
    outlet_skip(rq->outlet);
    asks_drop(rq);
    if (on_cancel && !rq->is_released) {
        on_cancel(rq->cancel_arg);
        release(rq);
    }
    mcp_request_unref(rq);
}

void request_client_gone(struct mcp_request *rq)
{
    if (rq->rev->is_modern)
        request_cancel(rq);
    else
        asks_drop(rq);
}

void mcp_request_on_cancel(struct mcp_request *rq, void (*fn)(void *arg), void *arg)
{
    rq->on_cancel = fn;
    rq->cancel_arg = arg;
}

void request_reply_text(struct mcp_request *rq, const char *result)
{
    answer(rq, 200, jsonrpc_result(rq->id, result), "ok");
}

void request_fail(struct mcp_request *rq, int status, int code, const char *message, cJSON *data)
{
    answer(rq, status, jsonrpc_error(rq->id, code, message, data), "rpc_error");
}

void request_refuse_params(struct mcp_request *rq, const char *fmt, ...)
{
    char message[256];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    request_fail(rq, 200, JSONRPC_INVALID_PARAMS, message, NULL);
}

void request_fail_capability(struct mcp_request *rq, const char *capability)
{
    cJSON *data = cJSON_CreateObject();
    cJSON *required = cJSON_AddObjectToObject(data, "requiredCapabilities");

    cJSON_AddObjectToObject(required, capability);
    request_fail(rq, 400, JSONRPC_MISSING_CAPABILITY,
                 "The request needs a capability that the client did not declare", data);
}

struct exchange *request_release_exchange(struct mcp_request *rq)
{
    struct exchange *x = outlet_release(rq->outlet);

    settle(rq, REQUEST_ANSWERED, "ok");
    outlet_skip(rq->outlet);
    release(rq);
    return x;
}

/* ---- what packs say ---- */

/* 2026-07-28 gives these codes an HTTP status of their own. */
static int error_status(const struct mcp_request *rq, int code)
{
    if (!rq->rev->is_modern)
        return 200;
    if (code == JSONRPC_METHOD_NOT_FOUND)
        return 404;
    return code <= JSONRPC_HEADER_MISMATCH && code >= JSONRPC_UNSUPPORTED_VERSION ? 400 : 200;
}

void mcp_reply_error(struct mcp_request *rq, int code, const char *message, cJSON *data)
{
    request_fail(rq, error_status(rq, code), code, message, data);
}

void mcp_reply_result(struct mcp_request *rq, cJSON *result)
{
    CLEANUP(json_deletep) cJSON *owned = result;
    bool is_error = false;

    (void)json_get_bool(owned, "isError", &is_error);
    if (rq->method->adapt)
        rq->method->adapt(rq, owned);
    if (rq->rev->decorate) {
        const cJSON *type = json_get(owned, "resultType");
        rq->rev->decorate(registry_identity(rq->core->registry), owned,
                          type ? MCP_CACHE_NONE : rq->method->cache);
    }
    CLEANUP(free_p) char *text = json_print(owned);
    answer(rq, 200, jsonrpc_result(rq->id, text), is_error ? "tool_error" : "ok");
}

static bool is_known_block(const struct mcp_revision *rev, const cJSON *block)
{
    const char *type = "";

    (void)json_get_str(block, "type", &type);
    return rev->has_resource_link || strcmp(type, "resource_link") != 0;
}

cJSON *mcp_tool_result(const struct mcp_request *rq, const char *text, cJSON *structured,
                       cJSON *blocks, bool is_error)
{
    CLEANUP(free_p) char *printed = structured ? json_print(structured) : NULL;
    cJSON *result = cJSON_CreateObject();
    cJSON *content = cJSON_AddArrayToObject(result, "content");
    cJSON *block = cJSON_CreateObject();

    cJSON_AddStringToObject(block, "type", "text");
    cJSON_AddItemToObject(block, "text", cJSON_CreateString(text ? text : printed ? printed : ""));
    cJSON_AddItemToArray(content, block);
    while ((block = cJSON_DetachItemFromArray(blocks, 0))) {
        if (is_known_block(rq->rev, block))
            cJSON_AddItemToArray(content, block);
        else
            cJSON_Delete(block);
    }
    if (structured && rq->rev->has_structured)
        cJSON_AddItemToObject(result, "structuredContent", cJSON_CreateRaw(printed));
    cJSON_AddBoolToObject(result, "isError", is_error);
    cJSON_Delete(structured);
    cJSON_Delete(blocks);
    return result;
}

void mcp_reply_tool(struct mcp_request *rq, const char *text, cJSON *structured, cJSON *blocks,
                    bool is_error)
{
    mcp_reply_result(rq, mcp_tool_result(rq, text, structured, blocks, is_error));
}

bool mcp_reply_elsewhere(struct mcp_request *rq, const char *text)
{
    const struct outlet *o = rq->outlet;

    /* Only the status of a whole reply is something that the balancer sees. */
    if (o->channel || o->is_batch || o->is_streaming ||
        !exchange_header(o->x, BALANCER_HEADER, NULL))
        return false;
    request_fail(rq, 503, JSONRPC_REFUSED, text, NULL);
    return true;
}

void mcp_reply_tool_error(struct mcp_request *rq, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    mcp_reply_tool(rq, text, NULL, NULL, true);
}

void mcp_reply_no_resource(struct mcp_request *rq, const char *uri)
{
    cJSON *data = cJSON_CreateObject();

    cJSON_AddStringToObject(data, "uri", uri);
    mcp_reply_error(rq, rq->rev->no_resource_code, "Resource not found", data);
}
