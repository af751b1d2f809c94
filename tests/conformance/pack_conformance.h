#pragma once
/* The pack of all fixtures. Constant; test-only. */
#include "server/mcp/pack.h"

struct mcp_pack *pack_conformance_new(void);
struct mcp_pack *pack_conformance_free(struct mcp_pack *p);
