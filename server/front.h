#pragma once
/*
 * What clients come through: HTTP, or the pipes of the one that started us (server.stdio). Main
 * thread, but where it says otherwise.
 */
#include "config/config.h"
#include "server/http/health.h"
#include "server/mcp/mcp.h"

struct front;

/* Before anything else is opened. With server.stdio it takes the pipes away, so that whatever
 * prints something does not print it into the protocol, and sees to config->state_dir. 0; -errno
 * and said on stderr. */
MUST_USE int front_new(struct config *c, struct front **ret);
/* Serves from now on. health: borrowed. 0; -errno and said on stderr. */
MUST_USE int front_start(struct front *f, struct mcp *m, struct health_source *health);
/* host:port under which others reach it, malloc'd; NULL: it can't be reached. */
char *front_address(const struct front *f);
unsigned front_open_requests(const struct front *f);
bool front_has_balancer(const struct front *f);
void front_drain(struct front *f); /* takes no new clients */
/* What still waits for a reply is cut; nothing comes from us any more when it returns. */
void front_stop(struct front *f);
/* After the stop. Runs what was still posted to its homes: the core must still be there. */
void front_close(struct front *f);
/* At last, when nobody uses the state directory any more. */
struct front *front_free(struct front *f);
