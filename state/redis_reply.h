#pragma once
/* Looks into what Redis answered, so that only this folder knows how hiredis keeps it. NULL is
 * legal everywhere: it is nothing. Pure, any thread. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct redisReply;

/* A string, NUL-terminated, and its length (ret_len may be NULL); NULL when it is something else.
 */
const char *redis_reply_text(const struct redisReply *r, size_t *ret_len);
/* A number; 0 when it is something else. */
int64_t redis_reply_number(const struct redisReply *r);
bool redis_reply_is_array(const struct redisReply *r);
size_t redis_reply_count(const struct redisReply *r); /* of an array; else 0 */
/* The i-th of an array; NULL when there is none. */
const struct redisReply *redis_reply_at(const struct redisReply *r, size_t i);
