#pragma once
/*
 * The home (server/exchange.h) of exchanges that come over pipes: one thread that runs what is
 * posted to it, and its timers. home_post() from any thread, also before the start and after the
 * stop; the rest by whoever owns it.
 */
#include "server/exchange_ops.h"

struct home *pipe_home_new(void);
MUST_USE int pipe_home_start(struct home *h); /* 0 or -errno */
/* Runs what was posted and all timers, due or not, and ends the thread. */
void pipe_home_stop(struct home *h);
/* After the stop: runs what was posted since. */
struct home *pipe_home_free(struct home *h);
bool pipe_home_is_current(const struct home *h); /* any thread */
