#pragma once
/* CORS for browser clients of allowed origins (Fetch standard, 3.2). Home threads. */
#include "server/http/exchange_impl.h"

/* What each reply to an allowed origin says besides the origin itself. */
extern const struct exchange_header cors_headers[2];

bool cors_is_preflight(const struct exchange *x);
/* methods: as in a route; NULL: those of MCP. */
void cors_reply_preflight(struct exchange *x, const char *methods);
