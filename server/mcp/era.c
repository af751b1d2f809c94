/* The rows are those of the table of eras in the protocol notes; tests/unit/test_era.c has each. */
#include "server/mcp/era.h"

#include <string.h>

#include "server/mcp/jsonrpc.h"
#include "server/mcp/revision.h"

static struct era_verdict is(enum era era)
{
    return (struct era_verdict){.era = era};
}

static struct era_verdict refuse(int code, const char *message)
{
    return (struct era_verdict){.era = ERA_REFUSED, .code = code, .message = message};
}

static struct era_verdict classify_request(const struct era_input *in, bool is_modern_header,
                                           bool is_legacy_header)
{
    if (in->has_claim)
        return is(ERA_MODERN_REQUEST);
    if (strcmp(in->rpc_method, "initialize") == 0) {
        if (is_modern_header)
            return refuse(JSONRPC_HEADER_MISMATCH,
                          "MCP-Protocol-Version names a revision without initialize");
        return is(ERA_LEGACY_INITIALIZE);
    }
    return is(in->version && !is_legacy_header ? ERA_MODERN_REQUEST : ERA_LEGACY_REQUEST);
}

static struct era_verdict classify_post(const struct era_input *in)
{
    const struct mcp_revision *rev = in->version ? revision_find(in->version) : NULL;
    bool is_modern = in->has_claim || (rev && rev->is_modern);

    if (in->has_channel)
        return is(ERA_CHANNEL_MESSAGE);
    switch (in->body) {
    case ERA_BODY_NONE:
        break;
    case ERA_BODY_BATCH:
        if (in->is_empty)
            return refuse(JSONRPC_INVALID_REQUEST, "Empty batch");
        if (is_modern)
            return refuse(JSONRPC_INVALID_REQUEST, "One message a request: no batches");
        return is(ERA_LEGACY_BATCH);
    case ERA_BODY_RESPONSE:
        if (is_modern)
            return refuse(JSONRPC_INVALID_REQUEST, "Clients send no responses");
        return is(ERA_LEGACY_RESPONSE);
    case ERA_BODY_NOTIFICATION:
        return is(is_modern ? ERA_MODERN_NOTIFICATION : ERA_LEGACY_NOTIFICATION);
    case ERA_BODY_REQUEST:
        return classify_request(in, rev && rev->is_modern, rev && !rev->is_modern);
    }
    return refuse(JSONRPC_INVALID_REQUEST, "Not a JSON-RPC message");
}

struct era_verdict era_classify(const struct era_input *in)
{
    switch (in->method) {
    case ERA_GET:
        if (in->has_session)
            return is(ERA_SESSION_STREAM);
        return is(in->accepts_stream ? ERA_CHANNEL_OPEN : ERA_METHOD_NOT_ALLOWED);
    case ERA_DELETE:
        return is(ERA_SESSION_END);
    case ERA_POST:
        return classify_post(in);
    case ERA_OTHER:
        break;
    }
    return is(ERA_METHOD_NOT_ALLOWED);
}
