#pragma once
/*
 * The head of a request to an HTTP proxy (RFC 9112, 3.2): CONNECT, or absolute-form, which is
 * rewritten for the server that it is meant for. Strict: what two readers might understand in two
 * ways is refused, never passed on. Pure, any thread.
 *
 *    GET http://a.example/x?y HTTP/1.1        GET /x?y HTTP/1.1
 *    Host: whatever                           Host: a.example
 *    Proxy-Authorization: Basic …        →    Accept: text/html
 *    Accept: text/html                            Connection: close
 *    Connection: keep-alive
 */
#include "exec/egress/host.h"
#include "state/base/buf.h"

#define HTTP_HEADERS_MAX 100

enum http_head_outcome {
    HTTP_HEAD_OK = 0,
    HTTP_HEAD_BAD,       /* not a request, or one of doubtful framing */
    HTTP_HEAD_NOT_PROXY, /* for a server, not for a proxy: origin-form, asterisk-form */
    HTTP_HEAD_SCHEME     /* a URL that is not http: its client must use CONNECT */
};

enum http_framing { HTTP_NO_BODY = 0, HTTP_LENGTH, HTTP_CHUNKED };

struct http_head {
    bool is_connect;
    enum host_kind kind;
    char host[HOST_NAME_MAX_LEN + 1]; /* HOST_BAD: what was written, cut */
    unsigned port;
    const char *credentials; /* borrowed: behind "Basic "; NULL: there are none */
    size_t credentials_len;
    enum http_framing framing;
    uint64_t content_length;
    struct buf upstream; /* the rewritten head; empty for CONNECT */
};

/* How long the head at the begin of data is, its empty line included; 0: there is no end yet. */
size_t http_head_len(const char *data, size_t len);
/* data: exactly a head. *ret is the caller's (http_head_deinit), whatever the outcome. */
MUST_USE enum http_head_outcome http_head_parse(const char *data, size_t len,
                                                struct http_head *ret);
void http_head_deinit(struct http_head *h);
