#pragma once
/*
 * What the core keeps for each home thread: queues in the order of their deadlines, all looked at
 * once a second, so that a request costs no timer of its own. Home thread only.
 */
#include "server/exchange.h"
#include "server/mcp/core.h"
#include "state/base/list.h"

struct shard {
    struct shard *next; /* owned by struct mcp; constant */
    struct mcp *core;   /* borrowed */
    struct home *home;  /* borrowed; constant */
    struct list parked; /* struct mcp_request.shard_link: answers that may become streams */
    struct list asked;  /* struct ask.shard_link: questions that wait */
    unsigned streams;   /* long-lived streams open here */
    bool is_ticking;
};

/* The shard of this home, made when it is new. */
struct shard *shard_get(struct mcp *m, struct home *home);
/* There is something to watch: look once a second until there is nothing. */
void shard_wake(struct shard *s);
/* When no home runs any more. */
void shards_free(struct mcp *m);
