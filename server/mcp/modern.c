/*
 * Requests of 2026-07-28: everything a request needs is in it. The checks run in the order of the
 * protocol notes (1.4, rungs 8 to 13); the first that fails answers.
 */
#include <string.h>

#include "server/mcp/dispatch.h"
#include "server/mcp/header_codec.h"
#include "server/mcp/notify.h"
#include "server/mcp/request.h"
#include "server/mcp/transport.h"

/* Rung 8. NULL: answered. */
static const char *need_envelope(struct mcp_request *rq)
{
    const cJSON *meta = json_get(rq->message.params, "_meta");
    const char *version;

    if (json_get_str(meta, META_VERSION, &version) &&
        cJSON_IsObject(json_get(meta, META_CAPABILITIES)))
        return version;
    request_fail(rq, 400, JSONRPC_INVALID_PARAMS,
                 "params._meta needs " META_VERSION " (a string) and " META_CAPABILITIES
                 " (an object)",
                 NULL);
    return NULL;
}

static bool mismatch(struct mcp_request *rq, const char *message)
{
    request_fail(rq, 400, JSONRPC_HEADER_MISMATCH, message, NULL);
    return false;
}

/* Rung 9. */
static bool check_version_header(struct mcp_request *rq, const char *version)
{
    size_t count;
    const char *header = exchange_header(rq->outlet->x, "mcp-protocol-version", &count);

    if (header && count == 1 && strcmp(header, version) == 0)
        return true;
    return mismatch(rq, "MCP-Protocol-Version must be there once and say what params._meta says");
}

/* Rung 10. */
static bool check_version(struct mcp_request *rq, const char *version)
{
    const struct mcp_revision *rev = revision_find(version);

    if (rev && rev->is_modern) {
        rq->rev = rev;
        return true;
    }
    cJSON *data = cJSON_CreateObject();
    cJSON_AddItemToObject(data, "supported", revision_names());
    cJSON_AddStringToObject(data, "requested", version);
    request_fail(rq, 400, JSONRPC_UNSUPPORTED_VERSION, "Unsupported protocol version", data);
    return false;
}

/* Rung 11: what a gateway routes by is what the body says. */
static bool check_routing_headers(struct mcp_request *rq, const struct mcp_method *method)
{
    size_t count;
    const char *header = exchange_header(rq->outlet->x, "mcp-method", &count);
    const char *name;

    if (!header || count != 1 || strcmp(header, rq->message.method) != 0)
        return mismatch(rq, "Mcp-Method must be there once and equal the method of the body");
    if (!method || !method->routed_by ||
        !json_get_str(rq->message.params, method->routed_by, &name))
        return true;
    header = exchange_header(rq->outlet->x, "mcp-name", &count);
    if (!header && method->has_tasks && !rq->core->config->tasks_require_name)
        return true;
    if (!header || count != 1 || !header_is_string(header, name))
        return mismatch(
            rq, "Mcp-Name must be there once and equal the name, uri or taskId of the body");
    return true;
}

/* Rung 13. */
static bool read_log_level(struct mcp_request *rq)
{
    const cJSON *level = json_get(json_get(rq->message.params, "_meta"), META_LOG_LEVEL);

    if (!level)
        return true;
    if (cJSON_IsString(level))
        rq->log_level = log_level_number(level->valuestring);
    if (rq->log_level >= 0)
        return true;
    request_refuse_params(rq, "params._meta: " META_LOG_LEVEL " is not a log level");
    return false;
}

/* NULL: answered. */
static const struct mcp_method *climb(struct mcp_request *rq)
{
    const char *version = need_envelope(rq);

    if (!version)
        return NULL;
    bool has_headers = exchange_has_headers(rq->outlet->x);
    if (has_headers && !check_version_header(rq, version))
        return NULL;
    if (!check_version(rq, version))
        return NULL;
    const struct mcp_method *method = method_find(rq->core, rq->rev, rq->message.method);
    if (has_headers && !check_routing_headers(rq, method))
        return NULL;
    if (!method) {
        request_fail(rq, 404, JSONRPC_METHOD_NOT_FOUND, "Method not found", NULL);
        return NULL;
    }
    return read_log_level(rq) ? method : NULL;
}

void modern_request(const struct incoming *in, struct jsonrpc_message *message)
{
    struct outlet *outlet = transport_outlet(in);
    struct mcp_request *rq = request_new(&(struct request_spec){
        .core = in->core,
        .rev = revision_newest(),
        .outlet = outlet,
        .message = message,
    });
    const struct mcp_method *method = climb(rq);

    if (method)
        dispatch(rq, method);
    outlet_seal(outlet);
    outlet_unref(outlet);
}
