#include "server/auth/token.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

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

static bool is_same(const char *a, const char *b)
{
    unsigned char digest_a[SHA256_DIGEST_LENGTH], digest_b[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)a, strlen(a), digest_a);
    SHA256((const unsigned char *)b, strlen(b), digest_b);
    return CRYPTO_memcmp(digest_a, digest_b, sizeof(digest_a)) == 0;
}

enum token_verdict token_check(const char *secret, const char *header, size_t count)
{
    const char *credentials = header && count == 1 ? find_credentials(header) : NULL;
    if (!credentials)
        return TOKEN_MISSING;
    return is_same(credentials, secret) ? TOKEN_GOOD : TOKEN_WRONG;
}
