#include "state/redis_tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

static char *explain(const char *key, const char *path)
{
    char reason[128], *text = NULL;
    unsigned long e = ERR_peek_error();
    const char *why =
        ERR_SYSTEM_ERROR(e) ? strerror(ERR_GET_REASON(e)) : ERR_reason_error_string(e);
    (void)snprintf(reason, sizeof(reason), "%s", why ? why : "it is not usable");
    ERR_clear_error();
    if (asprintf(&text, "%s: \"%s\": %s", key, path, reason) < 0)
        abort();
    return text;
}

static char *load(SSL_CTX *ctx, const struct config *c)
{
    if (!c->redis_tls_ca)
        (void)SSL_CTX_set_default_verify_paths(ctx); /* none there: no certificate passes */
    else if (SSL_CTX_load_verify_file(ctx, c->redis_tls_ca) != 1)
        return explain("redis.tls_ca", c->redis_tls_ca);
    if (!c->redis_tls_cert)
        return NULL;
    if (SSL_CTX_use_certificate_chain_file(ctx, c->redis_tls_cert) != 1)
        return explain("redis.tls_cert", c->redis_tls_cert);
    if (SSL_CTX_use_PrivateKey_file(ctx, c->redis_tls_key, SSL_FILETYPE_PEM) != 1)
        return explain("redis.tls_key", c->redis_tls_key);
    return NULL;
}

SSL_CTX *redis_tls_new(const struct config *c, char **ret_error)
{
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (!ctx)
        abort(); /* out of memory */
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    char *error = load(ctx, c);
    if (!error)
        return ctx;
    SSL_CTX_free(ctx);
    *ret_error = error;
    return NULL;
}

SSL *redis_tls_connection(SSL_CTX *ctx, const char *host)
{
    struct in6_addr any;
    SSL *ssl = SSL_new(ctx);
    if (!ssl)
        abort();
    bool is_address = inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
    int ok = is_address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host)
                        : SSL_set1_host(ssl, host) && SSL_set_tlsext_host_name(ssl, host);
    if (!ok) { /* no host has such a name: then none may pass */
        SSL_free(ssl);
        return NULL;
    }
    return ssl;
}

void redis_tls_explain(const SSL *ssl, unsigned long error, char ret[128])
{
    long verified = SSL_get_verify_result(ssl);
    if (verified != X509_V_OK)
        (void)snprintf(ret, 128, "TLS: the certificate is refused: %s",
                       X509_verify_cert_error_string(verified));
    else
        (void)snprintf(ret, 128, "TLS: %s",
                       ERR_reason_error_string(error) ? ERR_reason_error_string(error)
                                                      : "the handshake failed");
}
