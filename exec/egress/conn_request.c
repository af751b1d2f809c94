/* What a client asks for: HTTP or SOCKS by its first byte, who it is, where it wants to go; and the
 * answers. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "exec/egress/egress_impl.h"
#include "state/base/metrics.h"

#define CREDENTIALS_MAX 512

/* ---- answers ---- */

static void write_http(struct conn *c, const char *status, const char *header, const char *text)
{
    struct evbuffer *out = bufferevent_get_output(c->client);

    evbuffer_add_printf(out,
                        "HTTP/1.1 %s\r\n%sContent-Type: text/plain; charset=utf-8\r\n"
                        "Content-Length: %zu\r\nConnection: close\r\n\r\n%s\n",
                        status, header, strlen(text) + 1, text);
}

static void write_socks(struct conn *c, enum socks_reply r)
{
    char reply[SOCKS_REPLY_LEN];

    socks_write_reply(r, reply);
    (void)bufferevent_write(c->client, reply, sizeof(reply));
}

static const struct {
    const char *status, *header, *outcome;
    enum socks_reply socks;
} failures[CONN_FAILURES] = {
    [CONN_UNAUTHORIZED] = {"407 Proxy Authentication Required",
                           "Proxy-Authenticate: Basic realm=\"mcp-execd\"\r\n", "unauthorized",
                           SOCKS_NOT_ALLOWED},
    [CONN_BAD_REQUEST] = {"400 Bad Request", "", "bad_request", SOCKS_FAILURE},
    [CONN_HEAD_TOO_LARGE] = {"431 Request Header Fields Too Large", "", "bad_request",
                             SOCKS_FAILURE},
    [CONN_NO_HOST] = {"502 Bad Gateway", "", "no_host", SOCKS_NO_HOST},
    [CONN_NOT_REACHED] = {"502 Bad Gateway", "", "not_reached", SOCKS_REFUSED},
    [CONN_TIMED_OUT] = {"504 Gateway Timeout", "", "timed_out", SOCKS_NO_HOST},
};

void conn_fail(struct conn *c, enum conn_failure f, const char *text)
{
    metric_add(METRIC_EGRESS_CONNECTIONS, failures[f].outcome, NULL, 1);
    if (c->protocol != CONN_SOCKS)
        write_http(c, failures[f].status, failures[f].header, text);
    else if (c->socks_step == SOCKS_STEP_REQUEST)
        write_socks(c, failures[f].socks);
    conn_close(c);
}

void conn_refuse(struct conn *c, enum egress_verdict v)
{
    CLEANUP(free_p) char *text = egress_policy_explain(c->site->policy, v, c->host, c->port);

    metric_add(METRIC_EGRESS_CONNECTIONS, "refused", NULL, 1);
    site_tell(c->site, v, c->host, c->port, text);
    if (c->protocol == CONN_SOCKS)
        write_socks(c, SOCKS_NOT_ALLOWED);
    else
        write_http(c, "403 Forbidden", "", text);
    conn_close(c);
}

void conn_accept(struct conn *c)
{
    static const char established[] = "HTTP/1.1 200 Connection established\r\n\r\n";

    if (c->protocol == CONN_SOCKS)
        write_socks(c, SOCKS_SUCCEEDED);
    else if (c->is_tunnel)
        (void)bufferevent_write(c->client, established, sizeof(established) - 1);
}

/* ---- who it is ---- */

/* How long a secret is, is none. */
static bool is_secret(const struct conn *c, const char *password, size_t len)
{
    const char *secret = egress_policy_secret(c->site->policy);
    return !secret || (len == strlen(secret) && CRYPTO_memcmp(password, secret, len) == 0);
}

/* Base64 of "user:password"; the user may be anybody. */
static bool has_credentials(const struct conn *c, const struct http_head *h)
{
    unsigned char text[CREDENTIALS_MAX];

    if (!egress_policy_secret(c->site->policy))
        return true;
    if (!h->credentials || h->credentials_len % 4 != 0 ||
        h->credentials_len > sizeof(text) / 3 * 4 - 4)
        return false;
    int n = EVP_DecodeBlock(text, (const unsigned char *)h->credentials, (int)h->credentials_len);
    for (size_t i = h->credentials_len; n > 0 && i > 0 && h->credentials[i - 1] == '='; i--)
        n--;
    const unsigned char *colon = n > 0 ? memchr(text, ':', (size_t)n) : NULL;
    bool is_right = colon && is_secret(c, (const char *)colon + 1, (size_t)(text + n - colon - 1));
    OPENSSL_cleanse(text, sizeof(text));
    return is_right;
}

/* ---- where it wants to go ---- */

static void go(struct conn *c, enum host_kind kind, const char *host, unsigned port)
{
    c->kind = kind;
    c->port = port;
    memcpy(c->host, host, strlen(host) + 1);
    enum egress_verdict v = egress_policy_check(c->site->policy, kind, host, port);
    if (v != EGRESS_OK)
        return conn_refuse(c, v);
    conn_connect(c);
}

/* ---- HTTP ---- */

static const char *const head_texts[] = {
    [HTTP_HEAD_BAD] = "this is not a request that a proxy could understand in one way only",
    [HTTP_HEAD_NOT_PROXY] = "this is a proxy: use it as one (http_proxy, https_proxy)",
    [HTTP_HEAD_SCHEME] = "only http URLs are fetched; for others use CONNECT",
};

static void serve_http(struct conn *c, const char *data, size_t len)
{
    CLEANUP(http_head_deinit) struct http_head h;
    enum http_head_outcome o = http_head_parse(data, len, &h);

    if (o != HTTP_HEAD_OK)
        return conn_fail(c, CONN_BAD_REQUEST, head_texts[o]);
    if (!has_credentials(c, &h))
        return conn_fail(c, CONN_UNAUTHORIZED,
                         "the proxy's user and password are in http_proxy of this execution");
    evbuffer_drain(bufferevent_get_input(c->client), len);
    c->is_tunnel = h.is_connect;
    c->upstream_head = h.upstream;
    h.upstream = (struct buf){0};
    http_body_init(&c->body, h.framing, h.content_length);
    go(c, h.kind, h.host, h.port);
}

static void read_http(struct conn *c)
{
    struct evbuffer *in = bufferevent_get_input(c->client);
    size_t max = c->site->core->o.max_header_bytes, len = evbuffer_get_length(in);
    size_t look = len < max ? len : max;
    const char *data = (const char *)evbuffer_pullup(in, (ev_ssize_t)look);
    size_t head = data ? http_head_len(data, look) : 0;

    if (head > 0)
        serve_http(c, data, head);
    else if (len >= max)
        conn_fail(c, CONN_HEAD_TOO_LARGE, "the head of the request is too large");
}

/* ---- SOCKS ---- */

static bool take_greeting(struct conn *c, const char *data, size_t len, size_t *used)
{
    enum socks_method method,
        wanted = egress_policy_secret(c->site->policy) ? SOCKS_PASSWORD : SOCKS_NO_AUTH;

    switch (socks_greeting(data, len, wanted, used, &method)) {
    case SOCKS_OK:
        break;
    case SOCKS_MORE:
        return false;
    case SOCKS_BAD:
        conn_fail(c, CONN_BAD_REQUEST, "");
        return false;
    }
    const char answer[] = {SOCKS_VERSION, (char)method};
    (void)bufferevent_write(c->client, answer, sizeof(answer));
    if (method == SOCKS_NO_METHOD) {
        conn_fail(c, CONN_UNAUTHORIZED, "");
        return false;
    }
    c->socks_step = method == SOCKS_PASSWORD ? SOCKS_STEP_PASSWORD : SOCKS_STEP_REQUEST;
    return true;
}

static bool take_password(struct conn *c, const char *data, size_t len, size_t *used)
{
    const char *password = NULL;
    size_t password_len = 0;
    enum socks_outcome o = socks_password(data, len, used, &password, &password_len);

    if (o == SOCKS_MORE)
        return false;
    bool is_right = o == SOCKS_OK && is_secret(c, password, password_len);
    const char answer[] = {1, is_right ? 0 : 1};
    (void)bufferevent_write(c->client, answer, sizeof(answer));
    if (!is_right) {
        conn_fail(c, o == SOCKS_OK ? CONN_UNAUTHORIZED : CONN_BAD_REQUEST, "");
        return false;
    }
    c->socks_step = SOCKS_STEP_REQUEST;
    return true;
}

static void take_request(struct conn *c, const char *data, size_t len)
{
    struct socks_request r;
    size_t used = 0;

    switch (socks_request(data, len, &used, &r)) {
    case SOCKS_OK:
        break;
    case SOCKS_MORE:
        return;
    case SOCKS_BAD:
        return conn_fail(c, CONN_BAD_REQUEST, "");
    }
    evbuffer_drain(bufferevent_get_input(c->client), used);
    c->is_tunnel = true;
    if (r.refusal == SOCKS_SUCCEEDED)
        return go(c, r.kind, r.host, r.port);
    metric_add(METRIC_EGRESS_CONNECTIONS, "bad_request", NULL, 1);
    write_socks(c, r.refusal);
    conn_close(c);
}

static void read_socks(struct conn *c)
{
    struct evbuffer *in = bufferevent_get_input(c->client);

    for (bool goes_on = true; goes_on;) {
        /* The longest message is a password: 3 + 255 + 255. */
        size_t len = evbuffer_get_length(in), used = 0;
        len = len < 1024 ? len : 1024;
        const char *data = (const char *)evbuffer_pullup(in, (ev_ssize_t)len);
        if (!data)
            return;
        if (c->socks_step == SOCKS_STEP_REQUEST)
            return take_request(c, data, len);
        goes_on = c->socks_step == SOCKS_STEP_GREETING ? take_greeting(c, data, len, &used)
                                                       : take_password(c, data, len, &used);
        if (goes_on)
            evbuffer_drain(in, used);
    }
}

void conn_read_head(struct conn *c)
{
    char first;

    if (evbuffer_copyout(bufferevent_get_input(c->client), &first, 1) < 1)
        return;
    if (c->protocol == CONN_UNKNOWN)
        c->protocol = first == SOCKS_VERSION ? CONN_SOCKS : CONN_HTTP;
    if (c->protocol == CONN_SOCKS)
        read_socks(c);
    else
        read_http(c);
}
