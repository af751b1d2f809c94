#pragma once
/* The end of a connection whose client is still sending what was refused. Home threads. */
#include "server/http/home.h"

/* When h2o closes this socket, its connection goes on for a while: what comes is thrown away.
 * Closed at once, the kernel would answer it with a reset, and most clients then forget the reply
 * that they have (RFC 9112 9.6). It keeps its place of server.max_connections until it ends. */
void linger_on_close(struct home *h, h2o_socket_t *socket);
