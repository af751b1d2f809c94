#pragma once
/*
 * Writes JSON text without a tree, for what has fixed members: log lines, small files. The caller
 * opens and closes the brackets; a comma is put where one is needed. Any thread.
 *
 *   buf_append_char(&b, '{');
 *   json_text_member_str(&b, "id", id);
 *   json_text_key(&b, "argv");
 *   buf_append_char(&b, '[');
 *   json_text_str(&b, "a", 1);
 *   buf_append_str(&b, "]}");
 */
#include <stdbool.h>

#include "state/base/buf.h"

/* 2^53: up to here every integer is a double (IEEE 754 binary64), so every JSON reader agrees. */
#define JSON_INTEGER_MAX (INT64_C(1) << 53)

/* A string value. Bytes that are not UTF-8 become U+FFFD, one for each. */
void json_text_str(struct buf *b, const char *s, size_t len);
/* The same of what is known to be UTF-8. */
void json_text_utf8(struct buf *b, const char *s, size_t len);
void json_text_key(struct buf *b, const char *key);
void json_text_member_str(struct buf *b, const char *key, const char *s); /* NULL: left out */
void json_text_member_u64(struct buf *b, const char *key, uint64_t v);    /* all digits */
void json_text_member_i64(struct buf *b, const char *key, int64_t v);
void json_text_member_bool(struct buf *b, const char *key, bool v);

/* Members that are numbers of a struct: name and place. Read back by json_get_u64_fields(). */
struct json_u64_field {
    const char *name;
    size_t offset; /* of a uint64_t */
};
#define JSON_U64_FIELD(type, member)                      \
    {                                                     \
        .name = #member, .offset = offsetof(type, member) \
    }
/* Numbers above JSON_INTEGER_MAX are written as that: more than any byte count or time here. */
void json_text_members_u64(struct buf *b, const struct json_u64_field *fields, size_t n,
                           const void *object);
