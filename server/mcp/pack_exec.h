#pragma once
/*
 * The product's pack: tools that start, poll, feed and cancel executions, their output as
 * resources, and prompts. Made once before threads start, constant afterwards; handlers run on the
 * thread of their exchange and reach executions only by calls to the reactor.
 */
#include "exec/reactor.h"
#include "server/mcp/pack.h"

/* config and reactor are borrowed and outlive the pack. Answers of the pack hold requests; it is
 * freed after the last one. */
struct mcp_pack *pack_exec_new(const struct config *c, struct reactor *r);
/* The core that serves it: news of executions go there from now on. Before the reactor starts. */
void pack_exec_attach(struct mcp_pack *p, struct mcp *core);
struct mcp_pack *pack_exec_free(struct mcp_pack *p);
