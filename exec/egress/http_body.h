#pragma once
/* Where the body of a request ends, so that nothing behind it is passed on with it. Pure, any
 * thread. */
#include "exec/egress/http_head.h"

/* Of chunk extensions, and of trailers (RFC 9112, 7.1). */
#define HTTP_CHUNK_LINE_MAX (8u * 1024)

struct http_body {
    enum http_framing framing;
    uint64_t left; /* of the length, or of the chunk */
    int state;     /* of a chunked one */
    unsigned line; /* bytes of the line so far; of all trailers together */
    bool is_done;
};

void http_body_init(struct http_body *b, enum http_framing framing, uint64_t content_length);
/* How many of these bytes belong to it, and may be passed on. -EBADMSG: it can't be told. */
MUST_USE int http_body_take(struct http_body *b, const char *data, size_t len, size_t *ret_n);
