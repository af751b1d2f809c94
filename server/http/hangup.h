#pragma once
/* The disconnect watch: h2o stops reading before it calls a handler, so it would not notice that
 * the client of a waiting request or of an idle stream went. Home threads. */
#include "server/http/exchange_impl.h"

void hangup_watch(struct exchange *x);
void hangup_unwatch(struct exchange *x); /* legal when not watched */
void hangup_on_ready(h2o_socket_t *watch, const char *err);
