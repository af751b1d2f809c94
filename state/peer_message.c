#include "state/peer_message.h"

#include <stdio.h>
#include <string.h>

static const char *const op_names[] = {[PEER_STDIN] = "stdin",
                                       [PEER_CANCEL] = "cancel",
                                       [PEER_REFILL] = "refill",
                                       [PEER_ANSWER] = "answer"};

static const struct {
    const char *name;
    size_t offset, size; /* of a char[] */
} names[] = {
    {"id", offsetof(struct peer_message, id), PEER_ID_MAX + 1},
    {"from", offsetof(struct peer_message, from), ID_REPLICA_MAX + 1},
    {"exec", offsetof(struct peer_message, exec), EXECUTION_ID_MAX + 1},
};

static const struct {
    const char *name;
    size_t offset; /* of a struct peer_text */
    size_t max;
} texts[] = {
    {"principal", offsetof(struct peer_message, principal), 4096},
    {"data", offsetof(struct peer_message, data), PEER_DATA_MAX},
    {"input_id", offsetof(struct peer_message, input_id), PEER_INPUT_ID_MAX},
    {"outcome", offsetof(struct peer_message, outcome), PEER_OUTCOME_MAX},
};

#define NUMBER(member)                                 \
    {                                                  \
#member, offsetof(struct peer_message, member) \
    }
static const struct {
    const char *name;
    size_t offset; /* of a uint64_t */
} numbers[] = {
    NUMBER(ttl_ms),  NUMBER(eof),      NUMBER(force),       NUMBER(signo),  NUMBER(before),
    NUMBER(down_to), NUMBER(repeated), NUMBER(was_running), NUMBER(status), NUMBER(first),
};

char *peer_stream_key(const char *replica)
{
    char *key = NULL;
    if (asprintf(&key, "replica:%s:commands", replica) < 0)
        abort();
    return key;
}

static const void *member_of(const struct peer_message *m, size_t offset)
{
    return (const char *)m + offset;
}

void peer_message_write(const struct peer_message *m, struct redis_args *args)
{
    redis_args_str(args, "op");
    redis_args_str(args, op_names[m->op]);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *v = member_of(m, names[i].offset);
        if (!*v)
            continue;
        redis_args_str(args, names[i].name);
        redis_args_str(args, v);
    }
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const struct peer_text *v = member_of(m, texts[i].offset);
        if (!v->data)
            continue;
        redis_args_str(args, texts[i].name);
        redis_args_bytes(args, v->data, v->len);
    }
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        uint64_t v = *(const uint64_t *)member_of(m, numbers[i].offset);
        if (!v)
            continue;
        redis_args_str(args, numbers[i].name);
        redis_args_u64(args, v);
    }
}

static bool is_name(const struct peer_text *t, const char *name)
{
    return t->len == strlen(name) && memcmp(t->data, name, t->len) == 0;
}

static bool read_op(const struct peer_text *v, enum peer_op *ret)
{
    for (size_t i = PEER_STDIN; i < ARRAY_LEN(op_names); i++) {
        if (is_name(v, op_names[i])) {
            *ret = (enum peer_op)i;
            return true;
        }
    }
    return false;
}

static bool read_number(const struct peer_text *v, uint64_t *ret)
{
    uint64_t n = 0;
    if (v->len == 0 || v->len > 18)
        return false;
    for (size_t i = 0; i < v->len; i++) {
        if (v->data[i] < '0' || v->data[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(v->data[i] - '0');
    }
    *ret = n;
    return true;
}

/* Fields that are not known are a later version's: they are left aside. */
static bool read_field(const struct peer_text *name, const struct peer_text *v,
                       struct peer_message *m)
{
    char *base = (char *)m;
    if (is_name(name, "op"))
        return read_op(v, &m->op);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!is_name(name, names[i].name))
            continue;
        if (v->len >= names[i].size || memchr(v->data, '\0', v->len))
            return false;
        memcpy(base + names[i].offset, v->data, v->len);
        base[names[i].offset + v->len] = '\0';
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (!is_name(name, texts[i].name))
            continue;
        memcpy(base + texts[i].offset, v, sizeof(*v));
        return v->len <= texts[i].max;
    }
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (is_name(name, numbers[i].name))
            return read_number(v, (uint64_t *)(void *)(base + numbers[i].offset));
    }
    return true;
}

static bool is_replica(const char *s)
{
    return *s && s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

static bool is_sound(const struct peer_message *m)
{
    if (!m->op || !m->id[0] || !is_replica(m->from) || m->eof > 1 || m->force > 1 ||
        m->signo > 64 || m->status > EXECUTION_STATUS_MAX)
        return false;
    if (m->op == PEER_ANSWER)
        return m->outcome.data;
    return id_is_valid(m->exec) && m->principal.data &&
           !memchr(m->principal.data, '\0', m->principal.len);
}

bool peer_message_read(const struct peer_text *fields, size_t n, struct peer_message *ret)
{
    struct peer_message m = {0};
    if (n % 2 != 0)
        return false;
    for (size_t i = 0; i < n; i += 2) {
        if (!read_field(&fields[i], &fields[i + 1], &m))
            return false;
    }
    if (!is_sound(&m))
        return false;
    *ret = m;
    return true;
}
