#pragma once
/* Sockets that accept: bound once by http_new(), served by every home. */
#include "server/http/http_impl.h"

/* Binds what the configuration asks for. 0; -errno with *ret_error (malloc'd, for people). */
MUST_USE int listener_bind(struct http *http, char **ret_error);
/* Closes the sockets and removes the unix socket's file if it is still ours. */
void listener_unbind(struct http *http);

/* On the home's thread. */
void listener_start(struct home *h);
void listener_accept_rest(struct home *h); /* whoever connected already gets served */
void listener_close(struct home *h);
