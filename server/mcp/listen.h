#pragma once
/* subscriptions/listen of 2026-07-28: the texts that carry its subscription id. Any thread. */
#include <cjson/cJSON.h>

#include "server/mcp/stream.h"

#define LISTEN_URIS "resourceSubscriptions" /* what clients and screening call them */

struct mcp_request;

/* Lets each pack take out of `wanted` (taken; becomes rq->listen) what the caller can't follow, and
 * prepare for the rest; then done(rq). */
void listen_screen(struct mcp_request *rq, cJSON *wanted, void (*done)(struct mcp_request *rq));
/* Puts the subscription id into the _meta of a notification's params or of a result. */
void listen_tag(const struct stream *s, cJSON *params);
/* The answer that ends the stream, malloc'd. */
char *listen_result(const struct stream *s);
