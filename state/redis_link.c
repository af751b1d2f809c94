/*
 * Time: a timer that runs only while something is due looks at two clocks. Each command has its
 * deadline; when it passes, whoever asked is told, and the place in line stays, for the answer may
 * still come. The link itself gives up when nothing at all was heard for its timeout since the
 * oldest command was sent or the last bytes came: a long line that moves is no reason.
 */
#include "state/redis_link.h"

#include <stdio.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>

#include "state/base/clock.h"
#include "state/base/list.h"

/* A reply larger than this is no answer to anything that is asked here. */
#define REPLY_MAX (256u << 20)
/* Below this a command is copied into the output buffer, above it lent to it. */
#define COPY_MAX 4096u
/* At most so much is read and answered, or written, in one turn of the loop. */
#define TURN_MAX (256u << 10)

struct pending {
    struct list link;
    redis_reply_fn *on_reply; /* NULL: nobody (any more) */
    void *arg;
    uint64_t deadline_ms;
    uint64_t patience_ms; /* the link's for this one */
    size_t bytes;
};

enum link_state { LINK_CLOSED, LINK_DIALING, LINK_OPEN };

struct redis_link {
    struct redis_link_options o;
    enum link_state state;
    struct redis_dial *dial; /* owned, while dialing */
    struct bufferevent *bev; /* owned, while open */
    redisReader *reader;     /* owned, while open */
    struct list pending;     /* owned, in order */
    size_t queued_bytes;     /* of what is pending */
    uint64_t heard_ms;       /* when bytes came, or it was opened or dialed */
    struct event *on_tick;   /* owned */
    struct event *on_close;  /* owned: closes from the loop */
    char why[192];           /* closing: for on_closed */
    bool is_closing;         /* on_close is on its way */
};

static void answer(struct pending *p, enum redis_outcome o, const redisReply *reply)
{
    redis_reply_fn *fn = p->on_reply;
    p->on_reply = NULL;
    if (fn)
        fn(p->arg, o, reply);
}

static void drop_all(struct redis_link *l, enum redis_outcome o)
{
    struct list gone;
    list_init(&gone);
    list_move_all(&l->pending, &gone);
    l->queued_bytes = 0;
    list_for_each_safe (it, next, &gone) {
        struct pending *p = CONTAINER_OF(it, struct pending, link);
        list_remove(it);
        answer(p, o, NULL);
        free(p);
    }
}

static void let_go(struct redis_link *l)
{
    redis_dial_cancel(l->dial);
    l->dial = NULL;
    if (l->bev)
        bufferevent_free(l->bev);
    l->bev = NULL;
    if (l->reader)
        redisReaderFree(l->reader);
    l->reader = NULL;
    (void)event_del(l->on_tick);
}

static void on_close(evutil_socket_t fd, short what, void *arg)
{
    struct redis_link *l = arg;
    char why[sizeof(l->why)];
    memcpy(why, l->why, sizeof(why));
    let_go(l);
    drop_all(l, REDIS_E_LOST);
    l->is_closing = false;
    l->state = LINK_CLOSED;
    l->o.events->on_closed(l->o.arg, why);
}

void redis_link_close(struct redis_link *l, const char *why)
{
    if (l->state == LINK_CLOSED || l->is_closing)
        return;
    (void)snprintf(l->why, sizeof(l->why), "%s", why);
    l->is_closing = true;
    if (l->bev)
        bufferevent_disable(l->bev, EV_READ | EV_WRITE);
    event_active(l->on_close, EV_TIMEOUT, 0);
}

/* ---- time ---- */

static void arm_tick(struct redis_link *l)
{
    uint64_t ms = l->o.timeout_ms / 20;
    ms = ms < 10 ? 10 : ms > 100 ? 100 : ms;
    const struct timeval t = {.tv_sec = 0, .tv_usec = (suseconds_t)(ms * 1000)};
    if (!event_pending(l->on_tick, EV_TIMEOUT, NULL))
        (void)event_add(l->on_tick, &t);
}

static bool is_silent(const struct redis_link *l, uint64_t now)
{
    if (l->state == LINK_DIALING)
        return now >= l->heard_ms + l->o.timeout_ms;
    const struct pending *p = CONTAINER_OF(l->pending.next, struct pending, link);
    return !list_is_empty(&l->pending) && now >= l->heard_ms + p->patience_ms;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct redis_link *l = arg;
    uint64_t now = clock_mono_ms();
    if (l->is_closing)
        return;
    list_for_each_safe (it, next, &l->pending) {
        struct pending *p = CONTAINER_OF(it, struct pending, link);
        if (now >= p->deadline_ms)
            answer(p, REDIS_E_TIMEOUT, NULL);
    }
    if (is_silent(l, now))
        redis_link_close(l, l->state == LINK_DIALING ? "it does not answer (connect)"
                                                     : "it does not answer (redis.timeout)");
    else if (l->state == LINK_DIALING || !list_is_empty(&l->pending))
        arm_tick(l);
}

/* ---- reading ---- */

static void take_reply(struct redis_link *l, redisReply *reply)
{
    struct list *first = list_first(&l->pending);
    if (!first) {
        if (l->o.events->on_push)
            l->o.events->on_push(l->o.arg, reply);
        else
            redis_link_close(l, "it answered what was not asked");
        return;
    }
    struct pending *p = CONTAINER_OF(first, struct pending, link);
    list_remove(first);
    l->queued_bytes -= p->bytes;
    answer(p, reply->type == REDIS_REPLY_ERROR ? REDIS_E_REPLY : REDIS_E_NONE, reply);
    free(p);
}

/* A server that is no primary any more says so to every write: better to look for the new one. */
static bool ends_link(const redisReply *r)
{
    return r->type == REDIS_REPLY_ERROR &&
           (strncmp(r->str, "READONLY", 8) == 0 || strncmp(r->str, "NOSCRIPT", 8) == 0 ||
            strncmp(r->str, "LOADING", 7) == 0 || strncmp(r->str, "MASTERDOWN", 10) == 0);
}

/* The answer that does, also as a part of one to a transaction; or NULL. */
static const redisReply *find_end(const redisReply *r)
{
    if (r->type != REDIS_REPLY_ARRAY)
        return ends_link(r) ? r : NULL;
    for (size_t i = 0; i < r->elements; i++)
        if (ends_link(r->element[i]))
            return r->element[i];
    return NULL;
}

static void take_replies(struct redis_link *l)
{
    void *reply = NULL;
    while (!l->is_closing) {
        if (redisReaderGetReply(l->reader, &reply) != REDIS_OK) {
            redis_link_close(l, "what it says is not the protocol of Redis");
            return;
        }
        if (!reply)
            return;
        char why[160] = "";
        const redisReply *end = find_end(reply);
        if (end)
            (void)snprintf(why, sizeof(why), "%s", end->str);
        take_reply(l, reply);
        freeReplyObject(reply);
        if (why[0])
            redis_link_close(l, why);
    }
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct redis_link *l = arg;
    struct evbuffer *in = bufferevent_get_input(bev);
    struct evbuffer_iovec v;
    l->heard_ms = clock_mono_ms();
    while (!l->is_closing && evbuffer_peek(in, -1, NULL, &v, 1) > 0 && v.iov_len > 0) {
        if (redisReaderFeed(l->reader, v.iov_base, v.iov_len) != REDIS_OK ||
            l->reader->len > REPLY_MAX)
            return redis_link_close(l, "an answer is too large");
        (void)evbuffer_drain(in, v.iov_len);
        take_replies(l);
    }
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct redis_link *l = arg;
    char why[96];
    if (what & BEV_EVENT_EOF)
        return redis_link_close(l, "it closed the connection");
    int error = EVUTIL_SOCKET_ERROR();
    (void)snprintf(why, sizeof(why), "the connection broke: %s",
                   error ? evutil_socket_error_to_string(error) : "TLS");
    redis_link_close(l, why);
}

/* ---- opening ---- */

static void on_dialed(void *arg, struct bufferevent *bev, const char *error)
{
    struct redis_link *l = arg;
    l->dial = NULL;
    if (l->is_closing) {
        if (bev)
            bufferevent_free(bev);
        return;
    }
    if (!bev)
        return redis_link_close(l, error);
    l->bev = bev;
    l->reader = redisReaderCreate();
    if (!l->reader)
        abort();
    l->heard_ms = clock_mono_ms();
    l->state = LINK_OPEN;
    bufferevent_setcb(bev, on_read, NULL, on_event, l);
    (void)bufferevent_set_max_single_read(bev, TURN_MAX);
    (void)bufferevent_set_max_single_write(bev, TURN_MAX);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
    l->o.events->on_open(l->o.arg);
}

void redis_link_open(struct redis_link *l, const struct redis_place *place)
{
    assert(l->state == LINK_CLOSED);
    l->state = LINK_DIALING;
    l->heard_ms = clock_mono_ms();
    l->dial = redis_dial_start(l->o.base, place, on_dialed, l);
    arm_tick(l);
}

struct redis_link *redis_link_new(const struct redis_link_options *o)
{
    struct redis_link *l = xcalloc(1, sizeof(*l));
    l->o = *o;
    list_init(&l->pending);
    l->on_tick = event_new(o->base, -1, 0, on_tick, l);
    l->on_close = event_new(o->base, -1, 0, on_close, l);
    if (!l->on_tick || !l->on_close)
        abort();
    return l;
}

struct redis_link *redis_link_free(struct redis_link *l)
{
    if (!l)
        return NULL;
    let_go(l);
    l->state = LINK_CLOSED; /* what the callbacks send is refused */
    drop_all(l, REDIS_E_ENDED);
    event_free(l->on_tick);
    event_free(l->on_close);
    free(l);
    return NULL;
}

bool redis_link_is_open(const struct redis_link *l)
{
    return l->state == LINK_OPEN && !l->is_closing;
}

/* ---- writing ---- */

static void on_written(const void *data, size_t len, void *arg)
{
    redisFreeCommand((char *)data);
}

static enum redis_outcome check_room(const struct redis_link *l, const struct redis_args *commands,
                                     size_t n)
{
    size_t total = 0;
    if (!redis_link_is_open(l))
        return REDIS_E_DOWN;
    for (size_t c = 0; c < n; c++)
        for (size_t i = 0; i < commands[c].n; i++)
            total += commands[c].len[i];
    bool is_full = l->queued_bytes && l->queued_bytes + total > l->o.max_queue_bytes;
    return is_full ? REDIS_E_FULL : REDIS_E_NONE;
}

/* The length. */
static size_t write_command(struct redis_link *l, const struct redis_args *args)
{
    char *command = NULL;
    int n = redisFormatCommandArgv(&command, (int)args->n, args->v, args->len);
    if (n < 0)
        abort(); /* out of memory */
    struct evbuffer *out = bufferevent_get_output(l->bev);
    size_t len = (size_t)n;
    if (len > COPY_MAX) {
        if (evbuffer_add_reference(out, command, len, on_written, NULL) < 0)
            abort();
        return len;
    }
    if (evbuffer_add(out, command, len) < 0)
        abort();
    redisFreeCommand(command);
    return len;
}

static void send_one(struct redis_link *l, const struct redis_call *call,
                     const struct redis_args *args)
{
    size_t len = write_command(l, args);
    uint64_t now = clock_mono_ms();
    uint64_t timeout = call && call->timeout_ms ? call->timeout_ms : l->o.timeout_ms;
    struct pending *p = xcalloc(1, sizeof(*p));
    *p = (struct pending){
        .on_reply = call ? call->on_reply : NULL,
        .arg = call ? call->arg : NULL,
        .deadline_ms = now + timeout,
        .patience_ms = timeout > l->o.timeout_ms ? timeout : l->o.timeout_ms,
        .bytes = len,
    };
    if (list_is_empty(&l->pending))
        l->heard_ms = now; /* it had nothing to say until now */
    list_append(&l->pending, &p->link);
    l->queued_bytes += len;
    arm_tick(l);
}

enum redis_outcome redis_link_send_all(struct redis_link *l, const struct redis_call *call,
                                       const struct redis_args *commands, size_t n)
{
    enum redis_outcome o = check_room(l, commands, n);
    for (size_t i = 0; o == REDIS_E_NONE && i < n; i++)
        send_one(l, i + 1 == n ? call : NULL, &commands[i]);
    return o;
}

enum redis_outcome redis_link_send(struct redis_link *l, const struct redis_call *call,
                                   const struct redis_args *args)
{
    return redis_link_send_all(l, call, args, 1);
}

enum redis_outcome redis_link_tell(struct redis_link *l, const struct redis_args *args)
{
    enum redis_outcome o = check_room(l, args, 1);
    if (o == REDIS_E_NONE)
        (void)write_command(l, args);
    return o;
}

size_t redis_link_queued_bytes(const struct redis_link *l)
{
    return l->queued_bytes;
}

uint64_t redis_link_heard_ms(const struct redis_link *l)
{
    return l->heard_ms;
}
