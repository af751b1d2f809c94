#include "server/http/guard.h"

#include <string.h>
#include <strings.h>

#include <sys/socket.h>

#include "server/http/authority.h"
#include "server/http/head.h"
#include "server/http/http_impl.h"

static const struct refusal *check_head(const struct exchange *x)
{
    static const struct refusal too_large = {
        431, "the request's headers are larger than server.max_header allows"};
    static const struct refusal ambiguous = {
        400, "the request's head is ambiguous: send one Host, at most one of Content-Length and "
             "Transfer-Encoding, no folded lines, and CRLF at each line's end"};
    static const struct refusal has_nul = {400, "the path must not contain %00"};
    const h2o_req_t *req = x->req;
    const h2o_buffer_t *input = req->conn->callbacks->get_socket(req->conn)->input;
    struct head h = head_scan(input->bytes, input->bytes + input->size);
    bool is_1_0 = req->version < 0x101;

    if (h.bytes > x->home->http->config->max_header_bytes)
        return &too_large;
    /* HTTP/1.0 has no Transfer-Encoding and needs no Host. */
    if (h.has_bare_lf || h.is_folded || h.n_host > 1 || (h.n_host == 0 && !is_1_0) ||
        h.n_length + h.n_encoding > 1 || (h.n_encoding > 0 && is_1_0))
        return &ambiguous;
    return strlen(x->path) != req->path_normalized.len ? &has_nul : NULL;
}

static bool is_listed(const struct config_strings *hosts, const struct authority *a)
{
    struct authority allowed;

    for (size_t i = 0; i < hosts->n; i++)
        if (authority_parse(hosts->v[i], &allowed) && allowed.host_len == a->host_len &&
            strncasecmp(allowed.host, a->host, a->host_len) == 0 &&
            (!allowed.has_port || (a->has_port && allowed.port == a->port)))
            return true;
    return false;
}

/* The address we listen on, by the name the operator gave it or, bound to all addresses, by the one
 * this connection came to: no name that could be rebound. */
static bool is_bound_host(const struct exchange *x, const struct authority *a)
{
    struct sockaddr_storage address;
    h2o_conn_t *conn = x->req->conn;

    return authority_is_host(a, x->home->http->config->host) ||
           (conn->callbacks->get_sockname(conn, (struct sockaddr *)&address) > 0 &&
            authority_is_address(a, (struct sockaddr *)&address));
}

static bool is_host_allowed(const struct exchange *x)
{
    const struct http *http = x->home->http;
    const char *host = exchange_header(x, "host", NULL);
    struct authority a;

    /* Only who may open the socket's file gets there, and no browser does; and HTTP/1.0 without a
     * Host is no browser either. */
    if (x->req->hostconf == http->unix_hosts[0] ||
        x->req->authority.base == x->req->hostconf->authority.hostport.base)
        return true;
    return authority_parse(host, &a) && (authority_is_loopback(&a) || is_bound_host(x, &a) ||
                                         is_listed(&http->config->allowed_hosts, &a));
}

static bool is_origin_allowed(const struct exchange *x, const char *text)
{
    const struct http *http = x->home->http;
    struct origin o, allowed;

    for (size_t i = 0; i < http->config->allowed_origins.n; i++) {
        const char *entry = http->config->allowed_origins.v[i];

        /* An origin of another scheme, as of an editor's web view, is compared as it is. */
        if (strcmp(entry, text) == 0 || (origin_parse(entry, &allowed) && origin_parse(text, &o) &&
                                         origin_is_equal(&allowed, &o)))
            return true;
    }
    return origin_parse(text, &o) &&
           (authority_is_loopback(&o.at) ||
            (!o.is_https && o.at.port == http->port && is_bound_host(x, &o.at)));
}

const struct refusal *guard_check(struct exchange *x)
{
    static const struct refusal bad_host = {
        403, "the Host of this request is not served here: an operator can add it to "
             "server.allowed_hosts"};
    static const struct refusal bad_origin = {
        403, "requests from this Origin are refused: an operator can add it to "
             "server.allowed_origins"};
    static const struct refusal too_large = {
        413, "the request's body is larger than server.max_body allows"};
    const struct refusal *r = check_head(x);
    size_t n_origins;
    const char *origin = exchange_header(x, "origin", &n_origins);

    if (r) {
        /* Where the next request would begin is not certain. */
        x->req->http1_is_persistent = 0;
        return r;
    }
    if (!is_host_allowed(x))
        return &bad_host;
    if (n_origins > 1 || (origin && !is_origin_allowed(x, origin)))
        return &bad_origin;
    x->origin = origin;
    return x->body_len > x->home->http->config->max_body_bytes ? &too_large : NULL;
}
