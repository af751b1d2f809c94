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

/* A string value. Bytes that are not UTF-8 become U+FFFD, one for each. */
void json_text_str(struct buf *b, const char *s, size_t len);
void json_text_key(struct buf *b, const char *key);
void json_text_member_str(struct buf *b, const char *key, const char *s); /* NULL: left out */
void json_text_member_u64(struct buf *b, const char *key, uint64_t v);    /* all digits */
void json_text_member_i64(struct buf *b, const char *key, int64_t v);
void json_text_member_bool(struct buf *b, const char *key, bool v);
