/* Messages of other replicas: each line is a name or a value in turn. What is taken can be written
 * again, and then says the same. */
#include <stdint.h>
#include <string.h>

#include "state/peer_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FIELDS_MAX 64u

static size_t split(const char *p, size_t size, struct peer_text *ret)
{
    const char *end = p + size;
    size_t n = 0;
    while (n < FIELDS_MAX) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        ret[n++] = (struct peer_text){p, (size_t)((newline ? newline : end) - p)};
        if (!newline)
            break;
        p = newline + 1;
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct peer_text fields[FIELDS_MAX], again[FIELDS_MAX];
    struct peer_message m, same;
    CLEANUP(free_p) char *text = xcalloc(1, size + 1);
    CLEANUP(redis_args_deinit) struct redis_args args = {0};
    if (size > 0)
        memcpy(text, data, size);
    if (!peer_message_read(fields, split(text, size, fields), &m))
        return 0;
    peer_message_write(&m, &args);
    assert(args.n <= FIELDS_MAX);
    for (size_t i = 0; i < args.n; i++)
        again[i] = (struct peer_text){args.v[i], args.len[i]};
    assert(peer_message_read(again, args.n, &same));
    assert(same.op == m.op && strcmp(same.id, m.id) == 0 && strcmp(same.exec, m.exec) == 0 &&
           strcmp(same.from, m.from) == 0 && same.data.len == m.data.len &&
           same.ttl_ms == m.ttl_ms && same.before == m.before && same.signo == m.signo);
    return 0;
}
