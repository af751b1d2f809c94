/* What a request knows of who asks, for packs. */
#include <string.h>

#include "server/mcp/request.h"

const char *mcp_request_principal(const struct mcp_request *rq)
{
    return exchange_principal(rq->outlet->x);
}

const char *mcp_request_session(const struct mcp_request *rq)
{
    return rq->session ? rq->session->id : NULL;
}

bool mcp_request_is_modern(const struct mcp_request *rq)
{
    return rq->rev->is_modern;
}

bool mcp_request_has_structured(const struct mcp_request *rq)
{
    return rq->rev->has_structured;
}

bool mcp_request_has_resource_link(const struct mcp_request *rq)
{
    return rq->rev->has_resource_link;
}

static const cJSON *envelope(const struct mcp_request *rq, const char *key)
{
    return json_get(json_get(rq->message.params, "_meta"), key);
}

const char *mcp_request_client(const struct mcp_request *rq)
{
    const char *name = NULL;

    if (rq->session)
        return rq->session->client;
    (void)json_get_str(envelope(rq, META_CLIENT_INFO), "name", &name);
    return name;
}

const cJSON *mcp_request_params(const struct mcp_request *rq)
{
    return cJSON_IsObject(rq->message.params) ? rq->message.params : NULL;
}

bool mcp_request_client_has(const struct mcp_request *rq, const char *capability)
{
    if (rq->rev->is_modern)
        return cJSON_IsObject(json_get(envelope(rq, META_CAPABILITIES), capability));

    const char *text = rq->session ? rq->session->capabilities : NULL;
    CLEANUP(json_deletep) cJSON *declared = NULL;
    size_t error_at;
    return text && json_parse(text, strlen(text), &declared, &error_at) == JSON_OK &&
           cJSON_IsObject(json_get(declared, capability));
}

struct home *mcp_request_home(const struct mcp_request *rq)
{
    return exchange_home(rq->outlet->x);
}

bool mcp_request_is_live(const struct mcp_request *rq)
{
    return rq->state == REQUEST_OPEN && (rq->outlet->channel || exchange_is_open(rq->outlet->x));
}

struct mcp *mcp_request_core(const struct mcp_request *rq)
{
    return rq->core;
}

const char *request_scope(const struct mcp_request *rq)
{
    if (rq->outlet->channel)
        return rq->outlet->channel->id;
    return rq->session ? rq->session->id : NULL;
}
