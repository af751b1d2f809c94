#pragma once
/*
 * Questions to clients of the revisions that have server requests: sent on the stream of a request
 * that is under way, answered by a POST that may come in on any thread. A mutex guards the table of
 * those that are open; everything else of an ask belongs to the home thread of its request.
 */
#include "server/mcp/jsonrpc.h"
#include "server/mcp/request.h"

/* The client capability that a server's request needs, "" for none; NULL: not a method that servers
 * may send. */
const char *ask_capability(const char *method);

struct asks *asks_new(void);
struct asks *asks_free(struct asks *a);
/* Home thread: the request is over or its client went; each open question gets NULL. */
void asks_drop(struct mcp_request *rq);
/* Home thread: so do those in a shard's queue that waited too long. */
void asks_expire(struct list *asked, uint64_t now_ms);
/* Any thread: a client's response within this scope, taken if somebody waits for it. Unknown and
 * late ones do nothing. */
void asks_answer(struct asks *a, const char *scope, struct jsonrpc_message *response);
/* Any thread: nobody will answer within this scope any more; each open question gets NULL. */
void asks_end(struct asks *a, const char *scope);
