#pragma once
/*
 * The MCP core as main.c sees it: made once with its packs, then serves exchanges on every HTTP
 * thread. Immutable after mcp_new() but for its tables of open requests and streams, which are
 * sharded by home thread or guarded (see the .c files).
 */
#include "config/config.h"
#include "server/exchange.h"
#include "server/mcp/pack.h"
#include "state/session.h"

#define MCP_STATE_KEY_BYTES 32

struct reactor;

struct mcp_options {
    const struct config *config;   /* borrowed */
    struct sessions *sessions;     /* borrowed */
    struct reactor *reactor;       /* borrowed: asks other replicas for sessions; NULL: none */
    const struct mcp_pack **packs; /* n_packs; the array is copied, the packs are borrowed */
    size_t n_packs;
    const char *name, *title, *version; /* serverInfo */
    const unsigned char *state_key; /* MCP_STATE_KEY_BYTES, copied; NULL: random, of this process */
};

struct mcp *mcp_new(const struct mcp_options *o);
struct mcp *mcp_free(struct mcp *m);
/* Handler of /mcp (POST, GET, DELETE, OPTIONS), and of /mcp/sse and /sse (GET and POST of
 * HTTP+SSE). arg: struct mcp. */
void mcp_serve(struct exchange *x, void *arg);
void mcp_serve_sse(struct exchange *x, void *arg);
/* Another replica ended this session. Any thread. */
void mcp_session_ended(struct mcp *m, const char *session_id);
/* Drain: ends listen and GET streams in order; requests under way go on. Any thread. */
void mcp_drain(struct mcp *m);
