#include "server/auth/auth.h"

#include <openssl/crypto.h>

#include "server/auth/token.h"

struct auth {
    bool is_open;
    struct token token; /* when it is not open */
};

static char *on_check(void *arg, const struct exchange *x, const char **ret_challenge)
{
    const struct auth *a = arg;
    size_t count = 0;
    const char *header = exchange_header(x, "authorization", &count);
    if (a->is_open)
        return xstrdup("anonymous");
    switch (token_check(&a->token, header, count)) {
    case TOKEN_GOOD:
        return xstrdup("token");
    case TOKEN_MISSING: /* RFC 6750, 3.1: no error code for who did not try */
        *ret_challenge = "Bearer realm=\"mcp-execd\"";
        return NULL;
    case TOKEN_WRONG:
        *ret_challenge = "Bearer realm=\"mcp-execd\", error=\"invalid_token\", "
                         "error_description=\"This is not the token the server was set up with\"";
        return NULL;
    }
    abort();
}

struct auth *auth_new(const struct config *c)
{
    struct auth *a = xcalloc(1, sizeof(*a));
    a->is_open = !c->token;
    if (c->token)
        token_init(&a->token, c->token);
    return a;
}

struct authenticator auth_authenticator(struct auth *a)
{
    return (struct authenticator){.check = on_check, .arg = a, .is_open = a->is_open};
}

struct auth *auth_free(struct auth *a)
{
    if (a)
        OPENSSL_cleanse(a, sizeof(*a));
    free(a);
    return NULL;
}
