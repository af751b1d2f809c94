#pragma once
/*
 * The key of the tokens and cursors that clients keep for us (state_token.h). Servers that share
 * auth.state_secret take each other's; without it the key is made once and kept in the state
 * directory, so that they outlive a restart.
 */
#include "config/config.h"
#include "server/mcp/mcp.h"
#include "state/base/macro.h"

/* 0 or -errno. Before threads start. */
MUST_USE int state_key_load(const struct config *c, unsigned char ret[MCP_STATE_KEY_BYTES]);
