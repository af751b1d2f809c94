#include "exec/egress/http_head.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* A piece of the head. */
struct span {
    const char *p;
    size_t len;
};

struct header {
    struct span name, value;
};

struct request {
    struct span method, target, version;
    struct header headers[HTTP_HEADERS_MAX];
    size_t n;
};

static bool is_token_char(unsigned char c)
{
    return isalnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_token_char((unsigned char)s.p[i]))
            return false;
    return s.len > 0;
}

static bool equals(struct span s, const char *text)
{
    return s.len == strlen(text) && strncasecmp(s.p, text, s.len) == 0;
}

static struct span trim(struct span s)
{
    while (s.len > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s.p++;
        s.len--;
    }
    while (s.len > 0 && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* ---- lines ---- */

size_t http_head_len(const char *data, size_t len)
{
    const char *end = len >= 4 ? memmem(data, len, "\r\n\r\n", 4) : NULL;
    return end ? (size_t)(end - data) + 4 : 0;
}

/* Up to the next CR LF; a CR or LF alone is in no line. */
static bool take_line(struct span *rest, struct span *ret)
{
    const char *end = memmem(rest->p, rest->len, "\r\n", 2);

    if (!end)
        return false;
    *ret = (struct span){rest->p, (size_t)(end - rest->p)};
    rest->p += ret->len + 2;
    rest->len -= ret->len + 2;
    return !memchr(ret->p, '\r', ret->len) && !memchr(ret->p, '\n', ret->len);
}

static bool parse_request_line(struct span line, struct request *r)
{
    const char *a = memchr(line.p, ' ', line.len), *b = memrchr(line.p, ' ', line.len);

    if (!a || a == b)
        return false;
    r->method = (struct span){line.p, (size_t)(a - line.p)};
    r->target = (struct span){a + 1, (size_t)(b - a - 1)};
    r->version = (struct span){b + 1, (size_t)(line.p + line.len - b - 1)};
    for (size_t i = 0; i < r->target.len; i++)
        if (r->target.p[i] <= ' ' || r->target.p[i] >= 0x7f)
            return false;
    return is_token(r->method) && r->target.len > 0 && r->version.len == 8 &&
           (memcmp(r->version.p, "HTTP/1.1", 8) == 0 || memcmp(r->version.p, "HTTP/1.0", 8) == 0);
}

static bool parse_header(struct span line, struct header *ret)
{
    const char *colon = memchr(line.p, ':', line.len);

    if (!colon)
        return false;
    ret->name = (struct span){line.p, (size_t)(colon - line.p)};
    ret->value = trim((struct span){colon + 1, (size_t)(line.p + line.len - colon - 1)});
    for (size_t i = 0; i < ret->value.len; i++) {
        unsigned char c = (unsigned char)ret->value.p[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return is_token(ret->name); /* a line that goes on the one before begins with a blank */
}

static bool parse_request(struct span rest, struct request *r)
{
    struct span line;

    if (!take_line(&rest, &line) || !parse_request_line(line, r))
        return false;
    while (take_line(&rest, &line)) {
        if (line.len == 0)
            return rest.len == 0;
        if (r->n == HTTP_HEADERS_MAX || !parse_header(line, &r->headers[r->n]))
            return false;
        r->n++;
    }
    return false;
}

/* ---- whom it is for ---- */

/* "host", "host:port", "[v6]:port". */
static bool parse_authority(struct span s, unsigned default_port, struct http_head *h)
{
    const char *colon = memrchr(s.p, ':', s.len), *bracket = memrchr(s.p, ']', s.len);
    size_t host_len = s.len;
    unsigned low = default_port, high;

    if (colon && (!bracket || colon > bracket)) {
        char port[8];
        size_t n = (size_t)(s.p + s.len - colon - 1);
        host_len = (size_t)(colon - s.p);
        if (n >= sizeof(port))
            return false;
        memcpy(port, colon + 1, n);
        port[n] = '\0';
        if (strchr(port, '-') || !host_port_parse(port, &low, &high))
            return false;
    }
    if (low == 0 || memchr(s.p, '@', s.len))
        return false;
    h->port = low;
    h->kind = host_normalise(s.p, host_len, h->host);
    if (h->kind == HOST_LITERAL && memchr(s.p, ':', host_len) && s.p[0] != '[')
        return false; /* where does the port begin? */
    if (h->kind == HOST_BAD)
        (void)snprintf(h->host, sizeof(h->host), "%.*s", (int)(host_len < 64 ? host_len : 64), s.p);
    return host_len > 0;
}

static enum http_head_outcome parse_target(const struct request *r, struct http_head *h,
                                           struct span *ret_path)
{
    static const char scheme[] = "http://";
    struct span t = r->target;

    h->is_connect = r->method.len == 7 && memcmp(r->method.p, "CONNECT", 7) == 0;
    if (h->is_connect)
        return parse_authority(t, 0, h) ? HTTP_HEAD_OK : HTTP_HEAD_BAD;
    if (t.p[0] == '/' || equals(t, "*"))
        return HTTP_HEAD_NOT_PROXY;
    if (t.len < sizeof(scheme) - 1 || strncasecmp(t.p, scheme, sizeof(scheme) - 1) != 0)
        return memmem(t.p, t.len, "://", 3) ? HTTP_HEAD_SCHEME : HTTP_HEAD_BAD;
    t.p += sizeof(scheme) - 1;
    t.len -= sizeof(scheme) - 1;
    size_t n = 0;
    while (n < t.len && t.p[n] != '/' && t.p[n] != '?' && t.p[n] != '#')
        n++;
    *ret_path = (struct span){t.p + n, t.len - n};
    if (memchr(ret_path->p, '#', ret_path->len) || !parse_authority((struct span){t.p, n}, 80, h))
        return HTTP_HEAD_BAD;
    return HTTP_HEAD_OK;
}

/* ---- framing (RFC 9112, 6) ---- */

static bool parse_length(struct span v, uint64_t *ret)
{
    uint64_t n = 0;

    for (size_t i = 0; i < v.len; i++) {
        if (!isdigit((unsigned char)v.p[i]) || i >= 18)
            return false;
        n = n * 10 + (uint64_t)(v.p[i] - '0');
    }
    *ret = n;
    return v.len > 0;
}

/* One header says it, or none does. */
static bool parse_framing(const struct request *r, struct http_head *h)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct header *x = &r->headers[i];
        bool is_length = equals(x->name, "content-length");
        if (!is_length && !equals(x->name, "transfer-encoding"))
            continue;
        if (h->framing != HTTP_NO_BODY)
            return false;
        h->framing = is_length ? HTTP_LENGTH : HTTP_CHUNKED;
        if (is_length ? !parse_length(x->value, &h->content_length) : !equals(x->value, "chunked"))
            return false;
    }
    bool is_old = r->version.p[7] == '0';
    return !(h->framing == HTTP_CHUNKED && is_old) &&
           !(h->is_connect && (h->framing == HTTP_CHUNKED || h->content_length > 0));
}

/* ---- headers ---- */

static void find_credentials(const struct request *r, struct http_head *h)
{
    for (size_t i = 0; i < r->n; i++) {
        struct span v = r->headers[i].value;
        if (!equals(r->headers[i].name, "proxy-authorization"))
            continue;
        if (v.len < 6 || strncasecmp(v.p, "basic ", 6) != 0)
            continue;
        v = trim((struct span){v.p + 6, v.len - 6});
        h->credentials = v.p;
        h->credentials_len = v.len;
    }
}

/* Named in a Connection header: for us, not for the server. */
static bool is_named(const struct request *r, struct span name)
{
    for (size_t i = 0; i < r->n; i++) {
        if (!equals(r->headers[i].name, "connection"))
            continue;
        struct span v = r->headers[i].value;
        while (v.len > 0) {
            const char *comma = memchr(v.p, ',', v.len);
            size_t n = comma ? (size_t)(comma - v.p) : v.len;
            struct span word = trim((struct span){v.p, n});
            if (word.len == name.len && strncasecmp(word.p, name.p, name.len) == 0)
                return true;
            n += comma != NULL;
            v.p += n;
            v.len -= n;
        }
    }
    return false;
}

static bool goes_on(const struct request *r, struct span name)
{
    static const char *const ours[] = {"host", "connection", "keep-alive", "te", "upgrade"};

    if (equals(name, "content-length") || equals(name, "transfer-encoding"))
        return true; /* by these we find the end: the server must, too */
    if (name.len >= 6 && strncasecmp(name.p, "proxy-", 6) == 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (equals(name, ours[i]))
            return false;
    return !is_named(r, name);
}

static void rewrite(const struct request *r, struct span path, struct http_head *h)
{
    struct buf *b = &h->upstream;
    bool is_v6 = strchr(h->host, ':');

    buf_append(b, r->method.p, r->method.len);
    buf_append_char(b, ' ');
    if (path.len == 0 || path.p[0] != '/')
        buf_append_char(b, '/');
    buf_append(b, path.p, path.len);
    buf_printf(b, " %.8s\r\nHost: %s%s%s", r->version.p, is_v6 ? "[" : "", h->host,
               is_v6 ? "]" : "");
    if (h->port != 80)
        buf_printf(b, ":%u", h->port);
    buf_append_str(b, "\r\n");
    for (size_t i = 0; i < r->n; i++) {
        const struct header *x = &r->headers[i];
        if (!goes_on(r, x->name))
            continue;
        buf_append(b, x->name.p, x->name.len);
        buf_append_str(b, ": ");
        buf_append(b, x->value.p, x->value.len);
        buf_append_str(b, "\r\n");
    }
    buf_append_str(b, "Connection: close\r\n\r\n");
}

enum http_head_outcome http_head_parse(const char *data, size_t len, struct http_head *ret)
{
    struct request r = {0};
    struct span path = {"", 0};

    *ret = (struct http_head){0};
    if (!parse_request((struct span){data, len}, &r))
        return HTTP_HEAD_BAD;
    enum http_head_outcome o = parse_target(&r, ret, &path);
    if (o != HTTP_HEAD_OK)
        return o;
    if (!parse_framing(&r, ret))
        return HTTP_HEAD_BAD;
    find_credentials(&r, ret);
    if (!ret->is_connect && ret->kind != HOST_BAD)
        rewrite(&r, path, ret);
    return HTTP_HEAD_OK;
}

void http_head_deinit(struct http_head *h)
{
    buf_deinit(&h->upstream);
    *h = (struct http_head){0};
}
