/* A request to the network proxy, head and body: what is passed on is one request, with one end,
 * for the host that was checked. */
#include <errno.h>
#include <string.h>

#include "exec/egress/http_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* The same bytes in pieces end at the same place. */
static void try_body(const struct http_head *h, const char *data, size_t len)
{
    struct http_body whole, pieces;
    size_t n = 0, at = 0;

    http_body_init(&whole, h->framing, h->content_length);
    http_body_init(&pieces, h->framing, h->content_length);
    int r = http_body_take(&whole, data, len, &n);
    must(r == 0 || r == -EBADMSG);
    must(r < 0 || n <= len);
    int again = 0;
    for (size_t one = 0; at < len && again == 0 && !pieces.is_done; at += one) {
        again = http_body_take(&pieces, data + at, 1, &one);
        if (one == 0)
            break;
    }
    must(again == r);
    must(r < 0 || (at == n && pieces.is_done == whole.is_done));
}

/* Two are added on the way: of one that had nearly the most, too many are left to be read again. */
static bool is_readable_again(const struct buf *head)
{
    size_t lines = 0;
    for (const char *at = head->data; (at = strstr(at, "\r\n")); at += 2)
        lines++;
    return lines <= HTTP_HEADERS_MAX + 2; /* the request line, and the empty one */
}

static void try_head(const char *data, size_t len)
{
    CLEANUP(http_head_deinit) struct http_head h;
    CLEANUP(http_head_deinit) struct http_head again;
    char form[HOST_NAME_MAX_LEN + 1];

    enum http_head_outcome o = http_head_parse(data, len, &h);
    again = (struct http_head){0};
    if (o != HTTP_HEAD_OK)
        return;
    must(h.port >= 1 && h.port <= 65535);
    must(h.kind == HOST_BAD || host_normalise(h.host, strlen(h.host), form) == h.kind);
    must(h.kind == HOST_BAD || strcmp(form, h.host) == 0);
    must(h.is_connect == (h.upstream.len == 0) || h.kind == HOST_BAD);
    if (h.upstream.len == 0)
        return;
    /* Exactly one head, in origin-form, with exactly one Host. */
    must(http_head_len(h.upstream.data, h.upstream.len) == h.upstream.len);
    o = http_head_parse(h.upstream.data, h.upstream.len, &again);
    must(o == (is_readable_again(&h.upstream) ? HTTP_HEAD_NOT_PROXY : HTTP_HEAD_BAD));
    const char *host = strcasestr(h.upstream.data, "\r\nhost:");
    must(host && !strcasestr(host + 1, "\r\nhost:"));
    must(!strcasestr(h.upstream.data, "\r\nproxy-"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* NUL-terminated, so that strings can be looked for in what is made of it. */
    CLEANUP(free_p) char *text = malloc(size + 1);
    size_t head;

    memcpy(text, data, size);
    text[size] = '\0';
    head = http_head_len(text, size);
    must(head <= size);
    if (head == 0)
        return 0;
    try_head(text, head);
    CLEANUP(http_head_deinit) struct http_head h;
    if (http_head_parse(text, head, &h) == HTTP_HEAD_OK)
        try_body(&h, text + head, size - head);
    return 0;
}
