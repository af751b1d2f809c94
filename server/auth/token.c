#include "server/auth/token.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>
#include <strings.h>

static_assert(TOKEN_DIGEST_LEN == SHA256_DIGEST_LENGTH, "the digest fits");

static void digest(const char *text, size_t len, unsigned char ret[TOKEN_DIGEST_LEN])
{
    SHA256((const unsigned char *)text, len, ret);
}

/* What stands behind "Bearer " (RFC 9110, 11.4: any case, one or more spaces); NULL when nothing
 * does or more than one word. */
static const char *find_credentials(const char *header)
{
    static const char scheme[] = "bearer";
    size_t len = sizeof(scheme) - 1;
    if (strncasecmp(header, scheme, len) != 0 || header[len] != ' ')
        return NULL;
    header += len + strspn(header + len, " ");
    return *header && !strpbrk(header, " \t") ? header : NULL;
}

void token_init(struct token *t, const char *secret)
{
    digest(secret, strlen(secret), t->digest);
}

enum token_verdict token_check(const struct token *t, const char *header, size_t count)
{
    const char *credentials = header && count == 1 ? find_credentials(header) : NULL;
    if (!credentials)
        return TOKEN_MISSING;
    unsigned char sent[TOKEN_DIGEST_LEN];
    digest(credentials, strlen(credentials), sent);
    return CRYPTO_memcmp(sent, t->digest, sizeof(sent)) == 0 ? TOKEN_GOOD : TOKEN_WRONG;
}
