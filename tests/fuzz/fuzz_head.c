/* Heads of requests, hosts and origins: bytes that any client may send. */
#include <string.h>

#include "server/http/authority.h"
#include "server/http/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct head h = head_scan(text, text + size);
    struct authority a;
    struct origin o;

    check(h.bytes <= size);
    check(h.n_host + h.n_length + h.n_encoding <= size);
    CLEANUP(free_p) char *line = xcalloc(1, size + 1);
    memcpy(line, text, size);
    size_t len = strlen(line);
    if (authority_parse(line, &a)) {
        check(a.host_len > 0 && a.host >= line && a.host + a.host_len <= line + len);
        check(a.is_ipv6 == (line[0] == '['));
    }
    if (origin_parse(line, &o)) {
        check(o.at.has_port && o.at.host_len > 0);
        check(origin_is_equal(&o, &o));
    }
    return 0;
}
