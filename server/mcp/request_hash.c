#include "server/mcp/request_hash.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "state/base/buf.h"

void sha256_hex(const void *data, size_t len, char ret[SHA256_HEX + 1])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n;
    if (EVP_Digest(data, len, digest, &n, EVP_sha256(), NULL) != 1 || 2 * n != SHA256_HEX)
        abort();
    for (unsigned i = 0; i < n; i++)
        (void)snprintf(ret + 2 * (size_t)i, 3, "%02x", digest[i]);
}

static int by_name(const void *a, const void *b)
{
    const cJSON *const *x = a, *const *y = b;
    return strcmp((*x)->string, (*y)->string);
}

static bool is_named(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static void append_canonical(struct buf *b, const cJSON *v, const char *const *without)
{
    size_t n = 0;
    const cJSON *member;
    if (!cJSON_IsObject(v)) { /* the order of an array's elements means something */
        CLEANUP(free_p) char *text = json_print(v);
        return buf_append_str(b, text);
    }
    CLEANUP(free_p)
    const cJSON **members = xcalloc((size_t)cJSON_GetArraySize(v) + 1, sizeof(*members));
    cJSON_ArrayForEach(member, v) if (!cJSON_IsNull(member) && !is_named(without, member->string))
        members[n++] = member;
    qsort(members, n, sizeof(*members), by_name);
    buf_append_char(b, '{');
    for (size_t i = 0; i < n; i++) {
        CLEANUP(json_deletep) cJSON *name = cJSON_CreateString(members[i]->string);
        CLEANUP(free_p) char *text = json_print(name);
        buf_printf(b, "%s:", text);
        append_canonical(b, members[i], NULL);
        buf_append_char(b, ',');
    }
    buf_append_char(b, '}');
}

void request_hash(const cJSON *o, const char *const *without, char ret[SHA256_HEX + 1])
{
    CLEANUP(buf_deinit) struct buf b = {0};
    append_canonical(&b, o, without);
    sha256_hex(b.data, b.len, ret);
}
