/*
 * What Redis runs for the mirror. Both look at the head of the record only (RECORD_HEAD_MAX), where
 * a client's text can't stand.
 */
#include <stdio.h>

#include "state/mirror_impl.h"

/* What is there of an execution, and its keys live on: {status, first event, length of the list},
 * or {} */
const char mirror_ask_script[] =
    "local head = redis.call('GETRANGE', KEYS[1], 0, 255)\n"
    "local status = string.match(head, '\"status\":\"(%a+)\"')\n"
    "if not status then return {} end\n"
    "for i = 1, #KEYS do redis.call('EXPIRE', KEYS[i], ARGV[1]) end\n"
    "return {status, string.match(head, '\"first_event\":(%d+)') or '',\n"
    "        redis.call('LLEN', KEYS[2])}\n";

/*
 * Events don't pass through Lua, which costs Redis several times the RPUSH itself: the transaction
 * is RPUSH and then this, which takes them off the list again when they must not stand there.
 * Nobody sees it in between.
 *
 * KEYS: record, list, owner's set, running set, session's set (or none).
 * ARGV: 1 id, 2 "new" or "more", 3 first event and 4 length of the list as we know it, 5 events to
 * drop at the front, 6 TTL in seconds, 7 the true status, 8 the status of the record, 9 time of
 * creation, 10 most ids of an owner, 11 the record ("": as it is), 12 events that were pushed.
 * A session may go on for longer than what it started is kept: each new id looks at some others, so
 * that those which are gone stay the smaller part of the set.
 */
const char mirror_write_script[] =
    "local pushed = tonumber(ARGV[12])\n"
    "local function refuse(why, status)\n"
    "  if pushed > 0 then redis.call('LTRIM', KEYS[2], 0, -1 - pushed) end\n"
    "  return {why, status}\n"
    "end\n"
    "local head = redis.call('GETRANGE', KEYS[1], 0, 255)\n"
    "local old = string.match(head, '\"status\":\"(%a+)\"')\n"
    "if old and old ~= 'pending' and old ~= 'running' and old ~= ARGV[7] then\n"
    "  return refuse('fenced', old)\n"
    "end\n"
    "if ARGV[2] ~= 'new' then\n"
    "  if not old or string.match(head, '\"first_event\":(%d+)') ~= ARGV[3]\n"
    "      or redis.call('LLEN', KEYS[2]) ~= ARGV[4] + pushed then\n"
    "    return refuse('gap', old or 'nothing')\n"
    "  end\n"
    "elseif pushed > 0 then\n"
    "  redis.call('LTRIM', KEYS[2], -pushed, -1)\n"
    "else\n"
    "  redis.call('DEL', KEYS[2])\n"
    "end\n"
    "if ARGV[5] ~= '0' then redis.call('LTRIM', KEYS[2], ARGV[5], -1) end\n"
    "if ARGV[11] == '' then\n"
    "  redis.call('PUBLISH', KEYS[1], 'more')\n"
    "  return {'ok'}\n"
    "end\n"
    "redis.call('SET', KEYS[1], ARGV[11])\n"
    "redis.call('ZADD', KEYS[3], ARGV[9], ARGV[1])\n"
    "redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -1 - ARGV[10])\n"
    "if ARGV[8] == 'pending' or ARGV[8] == 'running' then\n"
    "  redis.call('SADD', KEYS[4], ARGV[1])\n"
    "else\n"
    "  redis.call('SREM', KEYS[4], ARGV[1])\n"
    "end\n"
    "if KEYS[5] and redis.call('SADD', KEYS[5], ARGV[1]) == 1 then\n"
    "  for _, id in ipairs(redis.call('SRANDMEMBER', KEYS[5], 4)) do\n"
    "    if redis.call('EXISTS', 'execution:' .. id) == 0 then\n"
    "      redis.call('SREM', KEYS[5], id)\n"
    "    end\n"
    "  end\n"
    "end\n"
    "for i = 1, #KEYS do redis.call('EXPIRE', KEYS[i], ARGV[6]) end\n"
    "redis.call('PUBLISH', KEYS[1], ARGV[8])\n"
    "return {'ok'}\n";

struct keys {
    char *v[5]; /* owned */
    size_t n;
};

static void keys_deinit(struct keys *k)
{
    for (size_t i = 0; i < k->n; i++)
        free(k->v[i]);
}

static void keys_fill(struct keys *k, const struct mirrored *x)
{
    k->v[k->n++] = record_key(x->id);
    k->v[k->n++] = record_output_key(x->id);
    k->v[k->n++] = record_owner_key(x->principal);
    k->v[k->n++] = record_running_key(x->mirror->config->replica_id);
    if (x->session_id)
        k->v[k->n++] = record_session_key(x->session_id);
}

static uint64_t ttl_s(const struct mirror *m)
{
    uint64_t s = (m->config->retention_ttl_ms + 999) / 1000;
    return s ? s : 1;
}

/* One command, or two in a transaction. */
static bool send_commands(const struct mirror_flight *flight, redis_reply_fn *fn,
                          const struct redis_args *commands, size_t n)
{
    struct mirrored *x = flight->execution;
    struct mirror *m = x->mirror;
    struct mirror_flight *f = xcalloc(1, sizeof(*f));
    const struct redis_call call = {.on_reply = fn, .arg = f};
    *f = *flight;
    enum redis_outcome o = n == 1 ? redis_command(m->redis, &call, commands)
                                  : redis_transaction(m->redis, &call, commands, n);
    if (o != REDIS_E_NONE) {
        free(f);
        return false;
    }
    x->in_flight++;
    m->in_flight++;
    m->in_flight_bytes += f->bytes;
    return true;
}

bool mirror_send_ask(struct mirrored *x)
{
    CLEANUP(redis_args_deinit) struct redis_args args = {0};
    CLEANUP(keys_deinit) struct keys keys = {0};
    keys_fill(&keys, x);
    redis_args_script(&args, &x->mirror->ask, keys.n);
    for (size_t i = 0; i < keys.n; i++)
        redis_args_str(&args, keys.v[i]);
    redis_args_u64(&args, ttl_s(x->mirror));
    const struct mirror_flight f = {.execution = x};
    return send_commands(&f, mirror_on_asked, &args, 1);
}

static void fill_push(struct redis_args *args, const char *key, const struct mirror_slice *s)
{
    redis_args_str(args, "RPUSH");
    redis_args_str(args, key);
    for (size_t i = 0, begin = 0; i < s->n; begin = s->ends[i++])
        redis_args_bytes(args, s->json.data + begin, s->ends[i] - begin);
}

static void fill_write(struct redis_args *args, const struct mirrored *x,
                       const struct mirror_write *w, const struct keys *keys)
{
    redis_args_script(args, &x->mirror->write, keys->n);
    for (size_t i = 0; i < keys->n; i++)
        redis_args_str(args, keys->v[i]);
    redis_args_str(args, x->id);
    redis_args_str(args, w->is_new ? "new" : "more");
    redis_args_u64(args, w->first);
    redis_args_u64(args, w->length);
    redis_args_u64(args, w->trim);
    redis_args_u64(args, ttl_s(x->mirror));
    redis_args_str(args, execution_status_name(w->truth));
    redis_args_str(args, execution_status_name(w->shown));
}

bool mirror_send_write(struct mirrored *x, const struct mirror_write *w)
{
    CLEANUP(redis_args_deinit) struct redis_args push = {0};
    CLEANUP(redis_args_deinit) struct redis_args args = {0};
    CLEANUP(keys_deinit) struct keys keys = {0};
    char created[32];
    keys_fill(&keys, x);
    (void)snprintf(created, sizeof(created), "%llu.%06llu",
                   (unsigned long long)(x->created_us / 1000000),
                   (unsigned long long)(x->created_us % 1000000));
    fill_write(&args, x, w, &keys);
    redis_args_str(&args, created);
    redis_args_u64(&args, x->mirror->config->max_finished);
    redis_args_bytes(&args, w->meta, w->meta_len);
    redis_args_u64(&args, w->slice->n);
    const struct mirror_flight f = {.execution = x,
                                    .end = w->end,
                                    .events = w->slice->n,
                                    .bytes = w->slice->json.len + w->meta_len,
                                    .is_last = w->is_last};
    if (w->slice->n == 0)
        return send_commands(&f, mirror_on_written, &args, 1);
    fill_push(&push, keys.v[1], w->slice);
    return send_commands(&f, mirror_on_written, (const struct redis_args[]){push, args}, 2);
}
