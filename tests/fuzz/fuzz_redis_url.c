/* A URL of any bytes: is read or refused with a reason, and what is read keeps its promises. */
#include <stddef.h>
#include <stdint.h>

#include "config/redis_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct redis_url *u)
{
    size_t bytes = 0;
    for (size_t i = 0; i < u->n_endpoints; i++) {
        bytes += strlen(u->endpoint[i].host);
        if (!*u->endpoint[i].host || u->endpoint[i].port == 0)
            abort();
    }
    if ((u->user && !u->password) || u->db > REDIS_URL_MAX_DB || bytes > REDIS_URL_MAX)
        abort();
    switch (u->kind) {
    case REDIS_URL_TCP:
        if (u->n_endpoints != 1 || u->path || u->service)
            abort();
        break;
    case REDIS_URL_UNIX:
        if (u->n_endpoints != 0 || !u->path || u->path[0] != '/' || u->is_tls)
            abort();
        break;
    case REDIS_URL_SENTINEL:
        if (u->n_endpoints == 0 || u->n_endpoints > REDIS_URL_MAX_ENDPOINTS || !u->service)
            abort();
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(mem_free_p) char *text = mem_strndup((const char *)data, size);
    struct redis_url u;
    struct config_problem p = {0};
    if (redis_url_parse(text, &u, &p))
        check(&u);
    else if (!p.text[0])
        abort();
    redis_url_deinit(&u);
    return 0;
}
