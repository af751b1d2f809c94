#pragma once
/* TLS towards Redis: who is trusted, and who we are. The context is made once; reactor thread. */
#include <openssl/ssl.h>

#include "config/config.h"
#include "state/base/macro.h"

/* From redis.tls_*. NULL: *ret_error (malloc'd) names the key, the file and why. */
SSL_CTX *redis_tls_new(const struct config *c, char **ret_error);
/* One connection's: only a certificate for `host` (a name or an address) is accepted. NULL: that
 * can't be a host. */
SSL *redis_tls_connection(SSL_CTX *ctx, const char *host);
/* Why the handshake failed, for people. */
void redis_tls_explain(const SSL *ssl, unsigned long error, char ret[128]);
