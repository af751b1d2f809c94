#pragma once
/*
 * Who asks: the authenticator that the configuration chooses. Without a token everybody is
 * "anonymous". With one, a request is let in by its Authorization header alone: a token in the
 * query ends up in logs and histories (RFC 6750, 5.3), so it is never looked at.
 */
#include "config/config.h"
#include "server/http/http.h"

struct auth;

/* Reads the configuration and forgets it. */
struct auth *auth_new(const struct config *c);
/* Borrows `a`, which outlives the server. Its check may run on any thread. */
struct authenticator auth_authenticator(struct auth *a);
struct auth *auth_free(struct auth *a);
