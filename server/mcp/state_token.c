#include "server/mcp/state_token.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "server/mcp/header_codec.h"
#include "state/base/buf.h"
#include "state/base/clock.h"

#define MAC_BYTES 32
/* MAC, then the expiry: milliseconds of CLOCK_REALTIME, big endian; then the payload. */
#define HEAD_BYTES (MAC_BYTES + 8)

/* Each string with its end, so that no two sets of them look alike. */
static void bind_string(struct buf *b, const char *s)
{
    buf_append(b, s, strlen(s) + 1);
}

static void make_mac(const struct state_binding *to, const void *data, size_t len,
                     unsigned char ret[MAC_BYTES])
{
    struct buf b = {0};
    unsigned mac_len = MAC_BYTES;

    bind_string(&b, to->principal);
    bind_string(&b, to->method);
    bind_string(&b, to->target);
    buf_append(&b, data, len);
    if (!HMAC(EVP_sha256(), to->key, (int)to->key_len, (unsigned char *)b.data, b.len, ret,
              &mac_len))
        abort();
    buf_deinit(&b);
}

static uint64_t now_ms(void)
{
    return clock_real_us() / 1000;
}

char *state_token_make(const struct state_binding *to, const char *payload, uint64_t ttl_ms)
{
    uint64_t expiry_ms = ttl_ms == STATE_TOKEN_FOREVER ? ttl_ms : now_ms() + ttl_ms;
    unsigned char head[HEAD_BYTES];
    struct buf b = {0};

    for (int i = 0; i < 8; i++)
        head[MAC_BYTES + i] = (unsigned char)(expiry_ms >> (56 - 8 * i));
    buf_append(&b, head, HEAD_BYTES);
    buf_append_str(&b, payload);
    make_mac(to, b.data + MAC_BYTES, b.len - MAC_BYTES, (unsigned char *)b.data);

    char *token = xcalloc(1, b.len / 3 * 4 + 5);
    EVP_EncodeBlock((unsigned char *)token, (unsigned char *)b.data, (int)b.len);
    buf_deinit(&b);
    return token;
}

char *state_token_read(const struct state_binding *to, const char *token)
{
    size_t len = strlen(token);
    CLEANUP(free_p) unsigned char *data = xcalloc(1, len + 1);
    unsigned char mac[MAC_BYTES];
    uint64_t expiry_ms = 0;

    if (!base64_decode(token, len, data, &len) || len < HEAD_BYTES)
        return NULL;
    make_mac(to, data + MAC_BYTES, len - MAC_BYTES, mac);
    if (CRYPTO_memcmp(mac, data, MAC_BYTES) != 0)
        return NULL;
    for (int i = 0; i < 8; i++)
        expiry_ms = expiry_ms << 8 | data[MAC_BYTES + i];
    if (expiry_ms < now_ms())
        return NULL;
    return xstrndup((char *)data + HEAD_BYTES, len - HEAD_BYTES);
}
