#include "exec/peer_command.h"

#include <stdio.h>
#include <unistd.h>

#include "exec/peers_impl.h"
#include "state/base/clock.h"
#include "state/base/log.h"
#include "state/base/metrics.h"
#include "state/redis_reply.h"

/* An answer may come so much after the last moment at which the command could begin. */
#define ANSWER_GRACE_MS 500u

struct peer_command {
    struct peers *peers;   /* borrowed */
    struct shadow *shadow; /* borrowed; refill only: it outlives its refill */
    struct call *call;     /* owned; NULL: a refill, or it was given up */
    char id[PEER_ID_MAX + 1];
    char replica[RECORD_REPLICA_MAX + 1];
    char entry_id[48];   /* in the stream; "": not known (yet) */
    bool is_sending;     /* a reply of Redis is due */
    bool is_over;        /* answered: goes when that reply has come */
    struct event *timer; /* owned */
    struct list link;    /* peers.commands */
};

/* KEYS heartbeat of the receiver, its stream; ARGV MAXLEN, TTL in ms, fields. */
const char peer_send_script[] =
    "if redis.call('EXISTS', KEYS[1]) == 0 then return false end\n"
    "local id = redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[1], '*', unpack(ARGV, 3))\n"
    "redis.call('PEXPIRE', KEYS[2], ARGV[2])\n"
    "return id\n";

enum redis_outcome peer_send(struct peers *p, const char *replica, const struct peer_message *m,
                             const struct redis_call *call)
{
    CLEANUP(redis_args_deinit) struct redis_args args = {0};
    CLEANUP(free_p) char *stream = peer_stream_key(replica);
    char heartbeat[ID_REPLICA_MAX + 16];
    (void)snprintf(heartbeat, sizeof(heartbeat), "replica:%s", replica);
    redis_args_script(&args, &p->scripts[PEER_SCRIPT_SEND], 2);
    redis_args_str(&args, heartbeat);
    redis_args_str(&args, stream);
    redis_args_u64(&args, p->config->redis_max_commands);
    redis_args_u64(&args, p->config->retention_ttl_ms);
    peer_message_write(m, &args);
    return redis_command(p->redis, call, &args);
}

static void free_command(struct peer_command *k)
{
    if (k->is_sending) {
        k->is_over = true;
        return;
    }
    free(k);
}

/* Takes it off the list of those that wait for an answer. */
static void retire(struct peer_command *k)
{
    if (k->is_over)
        return;
    list_remove(&k->link);
    event_free(k->timer);
    k->timer = NULL;
    k->peers->n_commands--;
    free_command(k);
}

/* What the client did shows in its next look: the copy is older than that. */
static void outdate(struct service *s, const struct call *c)
{
    struct entry *e = registry_find(&s->registry, c->id);
    if (e && e->shadow)
        e->shadow->is_dirty = true;
}

static void finish(struct peer_command *k, const struct peer_message *m, enum call_outcome o)
{
    struct service *service = k->peers->service;
    struct call *c = TAKE_PTR(k->call);
    struct shadow *sh = TAKE_PTR(k->shadow);
    metric_add(METRIC_PEER_COMMANDS, m ? "answered" : call_outcome_name(o), NULL, 1);
    retire(k);
    if (sh)
        shadow_refilled(sh, m, o);
    if (!c)
        return;
    if (m) {
        outdate(service, c);
        c->repeated = m->repeated;
        c->was_running = m->was_running;
        memcpy(c->view.id, c->id, sizeof(c->view.id));
        if (m->status)
            c->view.status = (enum execution_status)m->status;
    }
    if (m && o == CALL_OK && c->op == CALL_STDIN && !c->repeated)
        service_note_input(service, c->id);
    service_answer(c, o, NULL);
}

/* The time is over. What the owner has not taken out of its stream it never will. */
static void on_withdrawn(void *arg, enum redis_outcome o, const struct redisReply *reply)
{
    struct peer_command *k = arg;
    k->is_sending = false;
    if (k->is_over)
        return free_command(k);
    bool is_untouched = o == REDIS_E_NONE && redis_reply_number(reply) == 1;
    LOG_WARN("peer_silent", LOG_STR("peer", k->replica), LOG_STR("command", k->id),
             LOG_STR("taken", is_untouched ? "no" : "unknown"));
    finish(k, NULL, is_untouched ? CALL_E_OWNER_SILENT : CALL_E_OWNER_UNSURE);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct peer_command *k = arg;
    CLEANUP(free_p) char *stream = peer_stream_key(k->replica);
    const struct redis_call call = {.on_reply = on_withdrawn, .arg = k};
    bool is_sent = !k->is_sending && k->entry_id[0];
    if (is_sent && redis_ask(k->peers->redis, &call, "XDEL", stream, k->entry_id) == REDIS_E_NONE)
        k->is_sending = true;
    else
        finish(k, NULL, CALL_E_OWNER_UNSURE);
}

static void on_sent(void *arg, enum redis_outcome o, const struct redisReply *reply)
{
    struct peer_command *k = arg;
    k->is_sending = false;
    if (k->is_over)
        return free_command(k);
    const char *entry = redis_reply_text(reply, NULL);
    if (o == REDIS_E_NONE && entry)
        (void)snprintf(k->entry_id, sizeof(k->entry_id), "%s", entry);
    else if (o == REDIS_E_NONE)
        finish(k, NULL, CALL_E_OWNER_AWAY);
    else if (o == REDIS_E_REPLY)
        finish(k, NULL, CALL_E_REDIS_AWAY);
    else
        finish(k, NULL, CALL_E_OWNER_UNSURE);
}

static struct peer_command *new_command(struct peers *p, const char *replica)
{
    struct peer_command *k = xcalloc(1, sizeof(*k));
    k->peers = p;
    memcpy(k->replica, replica, sizeof(k->replica));
    (void)snprintf(k->id, sizeof(k->id), "%s.%016llx.%llu", p->config->replica_id,
                   (unsigned long long)p->nonce, (unsigned long long)++p->command_serial);
    k->timer = evtimer_new(p->service->base, on_deadline, k);
    if (!k->timer)
        abort();
    uint64_t ms = p->config->redis_command_timeout_ms + ANSWER_GRACE_MS;
    struct timeval tv = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    evtimer_add(k->timer, &tv);
    list_append(&p->commands, &k->link);
    p->n_commands++;
    return k;
}

/* REDIS_E_NONE: an answer will come. Else k is gone, and what it was for is untouched. */
static enum redis_outcome send_command(struct peer_command *k, struct peer_message *m)
{
    struct peers *p = k->peers;
    memcpy(m->id, k->id, sizeof(m->id));
    (void)snprintf(m->from, sizeof(m->from), "%s", p->config->replica_id);
    m->ttl_ms = p->config->redis_command_timeout_ms;
    const struct redis_call call = {.on_reply = on_sent, .arg = k};
    enum redis_outcome o = peer_send(p, k->replica, m, &call);
    k->is_sending = o == REDIS_E_NONE;
    if (!k->is_sending)
        retire(k);
    else
        metric_add(METRIC_PEER_COMMANDS, "sent", NULL, 1);
    return o;
}

static struct peer_message message_about(const struct shadow *sh, enum peer_op op)
{
    struct peer_message m = {.op = op};
    memcpy(m.exec, sh->entry->id, sizeof(m.exec));
    m.principal = (struct peer_text){sh->entry->principal, strlen(sh->entry->principal)};
    return m;
}

void peer_command_call(struct shadow *sh, struct call *c)
{
    struct peers *p = sh->peers;
    if (p->n_commands >= p->config->redis_max_commands)
        return service_answer(c, CALL_E_WAITERS_FULL, sh->entry);
    struct peer_message m = message_about(sh, c->op == CALL_STDIN ? PEER_STDIN : PEER_CANCEL);
    if (c->op == CALL_STDIN) {
        m.data = (struct peer_text){c->input.data, c->input.len};
        m.eof = c->input.eof;
        if (c->input.input_id)
            m.input_id = (struct peer_text){c->input.input_id, strlen(c->input.input_id)};
    } else {
        m.force = c->cancel.force;
        m.signo = (uint64_t)c->cancel.signo;
    }
    struct peer_command *k = new_command(p, sh->replica);
    enum redis_outcome o = send_command(k, &m);
    if (o != REDIS_E_NONE)
        return service_answer(c, peers_outcome_of(o), sh->entry);
    k->call = c;
    c->view.status = sh->entry->status;
}

bool peer_command_refill(struct shadow *sh, uint64_t before, uint64_t down_to)
{
    struct peers *p = sh->peers;
    if (p->n_commands >= p->config->redis_max_commands)
        return false;
    struct peer_message m = message_about(sh, PEER_REFILL);
    m.before = before;
    m.down_to = down_to;
    struct peer_command *k = new_command(p, sh->replica);
    if (send_command(k, &m) != REDIS_E_NONE)
        return false;
    k->shadow = sh;
    return true;
}

/* By the name in an answer; a later version may have others. */
static enum call_outcome outcome_of(const struct peer_text *name)
{
    for (int o = CALL_OK; o <= CALL_E_INTERNAL; o++) {
        const char *known = call_outcome_name((enum call_outcome)o);
        if (strlen(known) == name->len && memcmp(known, name->data, name->len) == 0)
            return (enum call_outcome)o;
    }
    return CALL_E_INTERNAL;
}

void peer_command_answered(struct peers *p, const struct peer_message *m)
{
    list_for_each (l, &p->commands) {
        struct peer_command *k = CONTAINER_OF(l, struct peer_command, link);
        if (strcmp(k->id, m->id) == 0 && strcmp(k->replica, m->from) == 0)
            return finish(k, m, outcome_of(&m->outcome));
    }
    LOG_INFO("peer_answer_late", LOG_STR("peer", m->from), LOG_STR("command", m->id));
}

struct call *peer_command_take_call(struct peers *p, uint64_t serial)
{
    list_for_each (l, &p->commands) {
        struct peer_command *k = CONTAINER_OF(l, struct peer_command, link);
        if (k->call && k->call->serial == serial)
            return TAKE_PTR(k->call);
    }
    return NULL;
}

void peer_command_release_all(struct peers *p, enum call_outcome o)
{
    list_for_each_safe (l, next, &p->commands)
        finish(CONTAINER_OF(l, struct peer_command, link), NULL, o);
}
