#pragma once
/* What a token that a client keeps for us is bound to. Home thread. */
#include "server/mcp/request.h"
#include "server/mcp/state_token.h"

/* The core's key, the principal, the method, and the name or uri that is asked for. Borrowed. */
struct state_binding request_binding(const struct mcp_request *rq);
