#include "state/spec_sandbox.h"

#include <string.h>

#include "state/base/utf8.h"

static const struct {
    const char *name;
    size_t offset; /* of a char * in struct spec_sandbox */
    bool is_optional;
} strings[] = {
    {"profile", offsetof(struct spec_sandbox, profile), false},
    {"workspace", offsetof(struct spec_sandbox, workspace), false},
    {"proxy_secret", offsetof(struct spec_sandbox, proxy_secret), true},
};

static const struct {
    const char *name;
    size_t offset; /* of a char ** in struct spec_sandbox */
} lists[] = {
    {"wrap", offsetof(struct spec_sandbox, wrap)},
    {"checks", offsetof(struct spec_sandbox, checks)},
    {"allowed_domains", offsetof(struct spec_sandbox, allowed_domains)},
    {"denied_domains", offsetof(struct spec_sandbox, denied_domains)},
    {"allowed_ports", offsetof(struct spec_sandbox, allowed_ports)},
    {"allowed_addresses", offsetof(struct spec_sandbox, allowed_addresses)},
};

static char **string_at(const struct spec_sandbox *s, size_t i)
{
    return (char **)(void *)((char *)(uintptr_t)s + strings[i].offset);
}

static char ***list_at(const struct spec_sandbox *s, size_t i)
{
    return (char ***)(void *)((char *)(uintptr_t)s + lists[i].offset);
}

struct spec_sandbox *spec_sandbox_new(void)
{
    struct spec_sandbox *s = xcalloc(1, sizeof(*s));
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        *list_at(s, i) = xcalloc(1, sizeof(char *));
    return s;
}

struct spec_sandbox *spec_sandbox_free(struct spec_sandbox *s)
{
    if (!s)
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(strings); i++)
        free(*string_at(s, i));
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        strv_free(*list_at(s, i));
    free(s);
    return NULL;
}

bool spec_sandbox_append(struct buf *b, const struct spec_sandbox *s)
{
    json_text_key(b, "sandbox");
    buf_append_char(b, '{');
    json_text_member_u64(b, "uid", s->uid);
    json_text_member_bool(b, "can_pool", s->can_pool);
    json_text_member_u64(b, "network", s->network);
    for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
        const char *v = *string_at(s, i);
        if (v && !utf8_is_valid(v, strlen(v)))
            return false;
        json_text_member_str(b, strings[i].name, v);
    }
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        char *const *v = *list_at(s, i);
        if (!strv_is_utf8(v))
            return false;
        strv_append_json(b, lists[i].name, v);
    }
    buf_append_char(b, '}');
    return true;
}

static bool decode(const cJSON *o, struct spec_sandbox *s)
{
    uint64_t network = 0;
    if (!json_get_u64(o, "uid", &s->uid) || !json_get_bool(o, "can_pool", &s->can_pool) ||
        !json_get_u64(o, "network", &network) || network > SPEC_NETWORK_MAX)
        return false;
    s->network = (enum spec_network)network;
    for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
        const char *v;
        if (json_get_str(o, strings[i].name, &v))
            *string_at(s, i) = xstrdup(v);
        else if (!strings[i].is_optional || json_get(o, strings[i].name))
            return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        strv_free(*list_at(s, i));
        *list_at(s, i) = strv_decode_json(json_get(o, lists[i].name));
        if (!*list_at(s, i))
            return false;
    }
    return s->wrap[0] && s->wrap[0][0] == '/' && s->workspace[0] == '/';
}

struct spec_sandbox *spec_sandbox_decode(const cJSON *o)
{
    struct spec_sandbox *s = spec_sandbox_new();
    return decode(o, s) ? s : spec_sandbox_free(s);
}
