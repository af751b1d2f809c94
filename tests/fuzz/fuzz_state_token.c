/* Tokens that clients send back: nobody makes one up, and what we signed is read as it was. */
#include <string.h>

#include "server/mcp/state_token.h"
#include "state/base/macro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned char key[32] = {7};
    const struct state_binding to = {.key = key,
                                     .key_len = sizeof(key),
                                     .principal = "alice",
                                     .method = "tools/call",
                                     .target = "execute_code"};
    CLEANUP(free_p) char *text = xcalloc(1, size + 1);
    memcpy(text, data, size);
    CLEANUP(free_p) char *forged = state_token_read(&to, text);
    assert(!forged);

    CLEANUP(free_p) char *token = state_token_make(&to, text, STATE_TOKEN_FOREVER);
    CLEANUP(free_p) char *payload = state_token_read(&to, token);
    assert(payload && strcmp(payload, text) == 0);
    if (size > 0) { /* one bit of it, anywhere */
        token[data[0] % strlen(token)] ^= 1;
        CLEANUP(free_p) char *bent = state_token_read(&to, token);
        assert(!bent);
    }
    return 0;
}
