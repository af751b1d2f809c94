#pragma once
/*
 * The core as its own files see it. What is here is immutable after mcp_new() or guards itself:
 * hub, live and asks have a lock each (none is taken while another is held), shards belong to their
 * home thread.
 */
#include <stdatomic.h>

#include "config/config.h"
#include "server/mcp/mcp.h"

struct asks;
struct reactor;
struct hub;
struct live;
struct registry;
struct shard;

struct mcp {
    const struct config *config;    /* borrowed */
    struct sessions *sessions;      /* borrowed */
    struct reactor *reactor;        /* borrowed: asks other replicas for sessions; NULL: none */
    struct registry *registry;      /* owned */
    struct hub *hub;                /* owned: long-lived streams and who is subscribed to what */
    struct live *live;              /* owned: requests under way, by name, for cancelling */
    struct asks *asks;              /* owned: questions to clients that wait for an answer */
    _Atomic(struct shard *) shards; /* owned; grows at the head only */
    atomic_bool is_draining;
    unsigned char state_key[MCP_STATE_KEY_BYTES]; /* signs what clients keep for us */
};
