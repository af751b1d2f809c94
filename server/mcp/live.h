#pragma once
/*
 * Requests under way, by the session they came in and their id, so that notifications/cancelled
 * finds them from any thread. A mutex guards the table.
 */
#include "server/mcp/jsonrpc.h"
#include "server/mcp/request.h"

struct live *live_new(void);
struct live *live_free(struct live *l);
/* Home thread. A request without scope is not entered. */
void live_add(struct live *l, struct mcp_request *rq);
void live_remove(struct live *l, struct mcp_request *rq);
/* Any thread: cancels the request that params.requestId of this notification names, within this
 * scope, on its home thread. Unknown and late ids do nothing. */
void live_cancel(struct live *l, const char *scope, const struct jsonrpc_message *notification);
