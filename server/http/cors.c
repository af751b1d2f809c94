#include "server/http/cors.h"

#include <string.h>
#include <strings.h>

#define DEFAULT_METHODS "POST, GET, DELETE"
#define ALLOWED_HEADERS                                                                       \
    "Content-Type, Accept, Authorization, Mcp-Session-Id, MCP-Protocol-Version, Mcp-Method, " \
    "Mcp-Name, Last-Event-ID"
#define PARAM_PREFIX      "mcp-param-"
#define REMEMBER_SECONDS  "600"
#define PARAMS_BYTES_MAX  4096
#define TOKEN_CHARS_LOWER "abcdefghijklmnopqrstuvwxyz0123456789-_."

const struct exchange_header cors_headers[2] = {
    {"Vary", "Origin"}, {"Access-Control-Expose-Headers", "Mcp-Session-Id, WWW-Authenticate"}};

bool cors_is_preflight(const struct exchange *x)
{
    return x->origin && strcmp(x->method, "OPTIONS") == 0 &&
           exchange_header(x, "access-control-request-method", NULL);
}

/* Mcp-Param-* are named after the arguments of tools: those that are asked for are allowed.
 * Browsers send the names in lower case. */
static void allow_params(const char *requested, struct buf *to)
{
    for (const char *p = requested; *p;) {
        size_t len = strcspn(p, ", \t");

        if (len > strlen(PARAM_PREFIX) && strncmp(p, PARAM_PREFIX, strlen(PARAM_PREFIX)) == 0 &&
            strspn(p, TOKEN_CHARS_LOWER) >= len && to->len + len < PARAMS_BYTES_MAX) {
            buf_append_str(to, ", ");
            buf_append(to, p, len);
        }
        p += len;
        p += strspn(p, ", \t");
    }
}

void cors_reply_preflight(struct exchange *x, const char *methods)
{
    CLEANUP(buf_deinit) struct buf allowed = {0};
    const char *requested = exchange_header(x, "access-control-request-headers", NULL);

    buf_append_str(&allowed, ALLOWED_HEADERS);
    if (requested)
        allow_params(requested, &allowed);
    const struct exchange_header headers[] = {
        {"Access-Control-Allow-Methods", methods ? methods : DEFAULT_METHODS},
        {"Access-Control-Allow-Headers", allowed.data},
        {"Access-Control-Max-Age", REMEMBER_SECONDS}};
    exchange_reply(x, 204, NULL, NULL, 0, headers, ARRAY_LEN(headers));
}
