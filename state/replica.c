#include "state/replica.h"

#include <errno.h>
#include <stdio.h>

#include <event2/event.h>
#include <hiredis/hiredis.h>

#include "state/base/clock.h"
#include "state/base/fd.h"
#include "state/base/id.h"
#include "state/base/json_text.h"
#include "state/base/log.h"

#define BEATS_PER_TTL 3u
#define HOME_FILE     "home"
#define REMIND_MS     60000u

struct replica {
    struct redis *redis;         /* borrowed */
    const struct config *config; /* borrowed */
    struct event *on_beat;       /* owned */
    struct redis_watcher watcher;
    struct redis_script beat;
    char *key;             /* owned */
    char home[ID_MAX + 1]; /* names the state directory */
    replica_facts_fn *get;
    void *arg;
    bool is_due; /* an answer is */
    bool is_taken;
    uint64_t told_ms; /* CLOCK_MONOTONIC: the log was told of is_taken */
};

/* KEYS sign of life; ARGV text, TTL in ms, home. */
static const char beat_script[] =
    "local is = redis.call('GET', KEYS[1])\n"
    "if is then\n"
    "  local ok, o = pcall(cjson.decode, is)\n"
    "  if ok and type(o) == 'table' and type(o.home) == 'string' and o.home ~= ARGV[3] then\n"
    "    return {'taken', tostring(o.address)}\n"
    "  end\n"
    "end\n"
    "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])\n"
    "return {'ok'}\n";

/* Made once for each state directory. */
static int read_home(struct replica *r)
{
    CLEANUP(free_p) char *path = NULL;
    CLEANUP(free_p) char *text = NULL;
    size_t len;
    if (asprintf(&path, "%s/" HOME_FILE, r->config->state_dir) < 0)
        abort();
    int error = file_read(path, ID_MAX, &text, &len);
    if (error == 0 && id_is_valid(text)) {
        memcpy(r->home, text, len + 1);
        return 0;
    }
    id_make("home", r->home);
    return file_replace(r->config->state_dir, HOME_FILE, r->home, strlen(r->home));
}

/* ---- taken ---- */

static void set_taken(struct replica *r, const char *address)
{
    uint64_t now = clock_mono_ms();
    if (!r->is_taken || now - r->told_ms >= REMIND_MS) {
        LOG_ERROR("replica_id_taken", LOG_STR("id", r->config->replica_id), LOG_STR("by", address),
                  LOG_STR("next", "give each replica an id of its own (exec.replica_id, "
                                  "SANDBOX_REPLICA_ID); if that one is gone, its sign of life "
                                  "expires by itself (redis.heartbeat_ttl)"));
        r->told_ms = now;
    }
    r->is_taken = true;
}

static void on_beaten(void *arg, enum redis_outcome o, const struct redisReply *reply)
{
    struct replica *r = arg;
    r->is_due = false;
    if (o == REDIS_E_REPLY)
        LOG_WARN("heartbeat_refused", LOG_STR("why", reply->str));
    if (o != REDIS_E_NONE || reply->type != REDIS_REPLY_ARRAY || reply->elements == 0)
        return;
    if (reply->elements == 2)
        return set_taken(r, reply->element[1]->type == REDIS_REPLY_STRING ? reply->element[1]->str
                                                                          : NULL);
    if (r->is_taken)
        LOG_INFO("replica_id_free", LOG_STR("id", r->config->replica_id));
    r->is_taken = false;
}

/* ---- the beat ---- */

static void write_text(const struct replica *r, struct buf *b)
{
    struct replica_facts f = {0};
    if (r->get)
        r->get(r->arg, &f);
    buf_append_char(b, '{');
    json_text_member_str(b, "version", f.version);
    json_text_member_str(b, "address", f.address);
    json_text_member_u64(b, "capacity", f.capacity);
    json_text_member_u64(b, "running", f.running);
    json_text_member_u64(b, "pending", f.pending);
    json_text_member_bool(b, "draining", f.is_draining);
    json_text_member_str(b, "home", r->home);
    buf_append_char(b, '}');
}

static void beat(struct replica *r)
{
    CLEANUP(redis_args_deinit) struct redis_args args = {0};
    CLEANUP(buf_deinit) struct buf text = {0};
    const struct redis_call call = {.on_reply = on_beaten, .arg = r};
    if (r->is_due)
        return;
    write_text(r, &text);
    redis_args_script(&args, &r->beat, 1);
    redis_args_str(&args, r->key);
    redis_args_bytes(&args, text.data, text.len);
    redis_args_u64(&args, r->config->redis_heartbeat_ttl_ms);
    redis_args_str(&args, r->home);
    r->is_due = redis_command(r->redis, &call, &args) == REDIS_E_NONE;
}

static void on_beat(evutil_socket_t fd, short what, void *arg)
{
    beat(arg);
}

static void on_up(void *arg, bool is_other)
{
    beat(arg);
}

static void on_down(void *arg)
{
}

static int start_beating(struct replica *r, struct event_base *base)
{
    uint64_t ms = r->config->redis_heartbeat_ttl_ms / BEATS_PER_TTL;
    const struct timeval t = {.tv_sec = (time_t)(ms / 1000),
                              .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    r->on_beat = event_new(base, -1, EV_PERSIST, on_beat, r);
    return r->on_beat && event_add(r->on_beat, &t) == 0 ? 0 : -ENOMEM;
}

int replica_new(struct event_base *base, struct redis *redis, const struct config *c,
                struct replica **ret)
{
    struct replica *r = xcalloc(1, sizeof(*r));
    r->redis = redis;
    r->config = c;
    if (asprintf(&r->key, "replica:%s", c->replica_id) < 0)
        abort();
    int error = read_home(r);
    if (error == 0)
        error = start_beating(r, base);
    if (error < 0) {
        replica_free(r);
        return error;
    }
    r->beat = (struct redis_script){.name = "heartbeat", .text = beat_script};
    redis_add_script(redis, &r->beat);
    r->watcher = (struct redis_watcher){.on_up = on_up, .on_down = on_down, .arg = r};
    redis_watch(redis, &r->watcher);
    *ret = r;
    return 0;
}

struct replica *replica_free(struct replica *r)
{
    if (!r)
        return NULL;
    if (r->on_beat)
        event_free(r->on_beat);
    free(r->key);
    free(r);
    return NULL;
}

void replica_set_facts(struct replica *r, replica_facts_fn *get, void *arg)
{
    r->get = get;
    r->arg = arg;
}

bool replica_is_taken(const struct replica *r)
{
    return r->is_taken;
}
