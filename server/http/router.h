#pragma once
/* From h2o's requests to the handlers of routes. Before threads start. */
#include "server/http/http_impl.h"

/* Serves everything that comes to this host. */
void router_register(struct http *http, h2o_hostconf_t *host);
