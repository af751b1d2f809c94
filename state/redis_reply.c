#include "state/redis_reply.h"

#include <hiredis/hiredis.h>

const char *redis_reply_text(const redisReply *r, size_t *ret_len)
{
    if (!r || r->type != REDIS_REPLY_STRING)
        return NULL;
    if (ret_len)
        *ret_len = (size_t)r->len;
    return r->str;
}

int64_t redis_reply_number(const redisReply *r)
{
    return r && r->type == REDIS_REPLY_INTEGER ? r->integer : 0;
}

bool redis_reply_is_array(const redisReply *r)
{
    return r && r->type == REDIS_REPLY_ARRAY;
}

size_t redis_reply_count(const redisReply *r)
{
    return redis_reply_is_array(r) ? (size_t)r->elements : 0;
}

const redisReply *redis_reply_at(const redisReply *r, size_t i)
{
    return i < redis_reply_count(r) ? r->element[i] : NULL;
}
