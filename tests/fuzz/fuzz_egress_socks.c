/* The messages of a SOCKS client: nothing is read that has not come, and what is understood names
 * a host in its one form. */
#include <string.h>

#include "exec/egress/socks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void try_request(const char *data, size_t len)
{
    struct socks_request r;
    char form[HOST_NAME_MAX_LEN + 1];
    size_t used = 0;

    if (socks_request(data, len, &used, &r) != SOCKS_OK)
        return;
    must(used <= len);
    if (r.refusal != SOCKS_SUCCEEDED)
        return;
    must(r.port >= 1 && r.port <= 65535);
    must(r.kind == HOST_BAD || host_normalise(r.host, strlen(r.host), form) == r.kind);
    must(r.kind == HOST_BAD || strcmp(form, r.host) == 0);
    /* Less of it is no message. */
    for (size_t n = 0; n < used; n++) {
        struct socks_request cut;
        size_t cut_used;
        must(socks_request(data, n, &cut_used, &cut) == SOCKS_MORE);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Of the exact size, so that a read behind it shows. */
    CLEANUP(free_p) char *copy = malloc(size ? size : 1);
    enum socks_method method;
    const char *password = NULL;
    size_t used = 0, len = 0;

    if (size > 0)
        memcpy(copy, data, size);
    if (socks_greeting(copy, size, SOCKS_PASSWORD, &used, &method) == SOCKS_OK)
        must(used <= size && (method == SOCKS_PASSWORD || method == SOCKS_NO_METHOD));
    if (socks_password(copy, size, &used, &password, &len) == SOCKS_OK)
        must(used <= size && password >= copy && password + len <= copy + size);
    try_request(copy, size);
    return 0;
}
