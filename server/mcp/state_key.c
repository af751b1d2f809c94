#include "server/mcp/state_key.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include <sys/random.h>

#include "state/base/fd.h"

#define FILE_NAME "state.key"

/* The same secret may serve other ends elsewhere: this one has a name. */
static void derive(const char *secret, unsigned char ret[MCP_STATE_KEY_BYTES])
{
    static const unsigned char purpose[] = "mcp-execd client-held state, 1";
    unsigned len = MCP_STATE_KEY_BYTES;

    if (!HMAC(EVP_sha256(), secret, (int)strlen(secret), purpose, sizeof purpose - 1, ret, &len))
        abort();
}

static int make(const char *dir, unsigned char ret[MCP_STATE_KEY_BYTES])
{
    if (getrandom(ret, MCP_STATE_KEY_BYTES, 0) != MCP_STATE_KEY_BYTES)
        return -EIO;
    return file_replace(dir, FILE_NAME, ret, MCP_STATE_KEY_BYTES);
}

int state_key_load(const struct config *c, unsigned char ret[MCP_STATE_KEY_BYTES])
{
    CLEANUP(free_p) char *path = NULL, *data = NULL;
    size_t len = 0;

    if (c->state_secret) {
        derive(c->state_secret, ret);
        return 0;
    }
    if (asprintf(&path, "%s/" FILE_NAME, c->state_dir) < 0)
        abort();
    int r = file_read(path, MCP_STATE_KEY_BYTES, &data, &len);
    if (r == -ENOENT || r == -EFBIG || (r == 0 && len != MCP_STATE_KEY_BYTES))
        return make(c->state_dir, ret);
    if (r < 0)
        return r;
    memcpy(ret, data, MCP_STATE_KEY_BYTES);
    OPENSSL_cleanse(data, MCP_STATE_KEY_BYTES);
    return 0;
}
