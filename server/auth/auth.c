#include "server/auth/auth.h"

#include "server/auth/token.h"

static char *on_check(void *arg, const struct exchange *x, const char **ret_challenge)
{
    const struct config *c = arg;
    size_t count = 0;
    const char *header = exchange_header(x, "authorization", &count);
    if (!c->token)
        return xstrdup("anonymous");
    switch (token_check(c->token, header, count)) {
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

struct authenticator auth_from_config(const struct config *c)
{
    return (struct authenticator){.check = on_check, .arg = (void *)c, .is_open = !c->token};
}
