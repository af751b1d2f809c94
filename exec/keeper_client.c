/*
 * AWAY  connects, starts a keeper when nobody listens, tries again ever more slowly
 *   └─► GREETING  HELLO is sent ─► LISTING  LIST is sent, RUNNING … are collected
 *                                     └─► READY  requests are taken, events handed on ─► AWAY
 *
 * What a list says is handed on as a whole, so that nobody acts on half of one.
 */
#include "exec/keeper_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "exec/keeper/packets.h"
#include "exec/keeper_launch.h"
#include "state/base/fd.h"
#include "state/base/log.h"

#define QUEUE_MAX_BYTES (4u * 1024 * 1024)
#define RETRY_FIRST_MS  20
#define RETRY_MAX_MS    500
/* Then it hangs, or could not become a program that we can talk to. */
#define ATTACH_MAX_MS     3000
#define PACKETS_PER_EVENT 64

enum phase { AWAY, GREETING, LISTING, READY };

struct listed {
    char id[EXECUTION_ID_MAX + 1];
    struct keeper_running running;
};

struct keeper_client {
    struct keeper_launch launch;
    struct event_base *base;               /* borrowed */
    const struct keeper_client_events *ev; /* borrowed */
    void *arg;
    enum phase phase;
    bool is_leaving; /* QUIT was sent: no other keeper is looked for */
    int fd;          /* -1: not connected */
    struct event *readable, *writable, *retry;
    uint64_t retry_ms;
    struct packets packets;
    struct keeper_sandbox sandbox; /* what all have in common; borrowed */
    struct listed *listed;         /* owned */
    size_t n_listed;
    char space[KEEPER_MESSAGE_MAX];
};

/* ---- sending ---- */

static int send_message(struct keeper_client *k, const struct keeper_message *m)
{
    int r = k->fd < 0 ? -ENOTCONN : packets_send(&k->packets, k->fd, m);

    if (r == 0 && !packets_is_empty(&k->packets))
        r = event_add(k->writable, NULL) < 0 ? -ENOBUFS : 0;
    if (r == 0 || r == -ENOBUFS || r == -E2BIG || r == -EINVAL)
        return r;
    return -ENOTCONN; /* on_readable() sees the hang-up */
}

static void on_writable(int fd, short events, void *arg)
{
    struct keeper_client *k = arg;

    if (packets_flush(&k->packets, k->fd) == 0 && !packets_is_empty(&k->packets))
        (void)event_add(k->writable, NULL);
}

/* ---- coming and going ---- */

static void retry_in(struct keeper_client *k, uint64_t ms)
{
    const struct timeval t = {.tv_sec = (time_t)(ms / 1000),
                              .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    (void)event_add(k->retry, &t);
}

static void retry_later(struct keeper_client *k)
{
    retry_in(k, k->retry_ms);
    k->retry_ms = k->retry_ms * 2 < RETRY_MAX_MS ? k->retry_ms * 2 : RETRY_MAX_MS;
}

static struct event *event_freep(struct event *e)
{
    if (e)
        event_free(e);
    return NULL;
}

static void disconnect(struct keeper_client *k)
{
    k->readable = event_freep(k->readable);
    k->writable = event_freep(k->writable);
    fd_closep(&k->fd);
    packets_clear(&k->packets);
    free(TAKE_PTR(k->listed));
    k->n_listed = 0;
    k->phase = AWAY;
}

static void on_hang_up(struct keeper_client *k)
{
    bool was_ready = k->phase == READY;

    disconnect(k);
    if (was_ready)
        k->ev->on_gone(k->arg);
    if (k->is_leaving)
        return;
    if (was_ready)
        retry_in(k, 0); /* it may have become a new program */
    else
        retry_later(k);
}

/* ---- what it says ---- */

static void on_hello(struct keeper_client *k, const struct keeper_message *m)
{
    struct keeper_message answer = {.type = KEEPER_LIST};

    if (keeper_version_common(m->hello.min, m->hello.max)) {
        k->phase = LISTING;
    } else {
        LOG_WARN("keeper_speaks_another_version", LOG_STR("program", m->hello.program),
                 LOG_U64("min", m->hello.min), LOG_U64("max", m->hello.max));
        answer = (struct keeper_message){.type = KEEPER_UPGRADE, .text = k->launch.program};
    }
    if (send_message(k, &answer) < 0)
        on_hang_up(k);
}

static void on_listed(struct keeper_client *k, const struct keeper_message *m)
{
    /* Grows by doubling, at powers of two. */
    if ((k->n_listed & (k->n_listed + 1)) == 0) {
        k->listed = realloc(k->listed, (2 * k->n_listed + 2) * sizeof(*k->listed));
        if (!k->listed)
            abort();
    }
    struct listed *l = &k->listed[k->n_listed++];
    memcpy(l->id, m->id, sizeof(l->id));
    l->running = m->running;
}

static void on_list_end(struct keeper_client *k, const struct keeper_message *m)
{
    k->phase = READY;
    k->retry_ms = RETRY_FIRST_MS;
    (void)event_del(k->retry);
    for (size_t i = 0; i < k->n_listed; i++)
        k->ev->on_running(k->arg, k->listed[i].id, &k->listed[i].running);
    free(TAKE_PTR(k->listed));
    k->n_listed = 0;
    k->ev->on_ready(k->arg, &m->host);
}

static void on_attaching(struct keeper_client *k, const struct keeper_message *m)
{
    if (k->phase == GREETING && m->type == KEEPER_HELLO)
        on_hello(k, m);
    else if (k->phase == LISTING && m->type == KEEPER_RUNNING)
        on_listed(k, m);
    else if (k->phase == LISTING && m->type == KEEPER_LIST_END)
        on_list_end(k, m);
}

static void on_message(struct keeper_client *k, struct keeper_message *m)
{
    if (m->type == KEEPER_ERROR) {
        LOG_WARN("keeper_refused", LOG_STR("why", m->text));
        return; /* it hangs up */
    }
    if (k->phase != READY)
        return on_attaching(k, m);
    if (m->type == KEEPER_STARTED)
        k->ev->on_started(k->arg, m->id, m->running.pid, m->running.started_us);
    else if (m->type == KEEPER_GREW)
        k->ev->on_grew(k->arg, m->id, &m->running);
    else if (m->type == KEEPER_ENDED)
        k->ev->on_ended(k->arg, m->id);
    else if (m->type == KEEPER_STDIN_DONE)
        k->ev->on_stdin(k->arg, m->input_done.token, m->input_done.result);
    else if (m->type == KEEPER_LISTENER && m->listener_fd >= 0)
        k->ev->on_listener(k->arg, m->id, TAKE_FD(m->listener_fd));
}

/* One message; false: no more for now. */
static bool receive(struct keeper_client *k)
{
    struct keeper_message m;
    int r = packets_receive(k->fd, k->space, &m);

    if (r == PACKETS_NOTHING_NOW)
        return false;
    if (r == -EBADMSG)
        LOG_ERROR("keeper_not_understood");
    if (r < 0) {
        on_hang_up(k);
        return false;
    }
    on_message(k, &m);
    keeper_message_deinit(&m);
    return k->fd >= 0;
}

static void on_readable(int fd, short events, void *arg)
{
    struct keeper_client *k = arg;
    for (int i = 0; i < PACKETS_PER_EVENT; i++)
        if (!receive(k))
            return;
}

static int attach(struct keeper_client *k)
{
    int r = keeper_launch_connect(&k->launch, &k->fd);
    if (r < 0)
        return r;
    k->readable = event_new(k->base, k->fd, EV_READ | EV_PERSIST, on_readable, k);
    k->writable = event_new(k->base, k->fd, EV_WRITE, on_writable, k);
    if (!k->readable || !k->writable || event_add(k->readable, NULL) < 0)
        return -ENOMEM;
    k->phase = GREETING;
    return send_message(k, &(struct keeper_message){
                               .type = KEEPER_HELLO,
                               .hello = {KEEPER_VERSION_MIN, KEEPER_VERSION_MAX, MCP_EXECD_VERSION},
                           });
}

static void on_retry(int fd, short events, void *arg)
{
    struct keeper_client *k = arg;

    if (k->phase != AWAY) {
        LOG_WARN("keeper_silent");
        disconnect(k);
    }
    int r = attach(k);
    if (r == 0)
        return retry_in(k, ATTACH_MAX_MS);
    disconnect(k);
    if (r == -ENOENT || r == -ECONNREFUSED)
        keeper_launch_start(&k->launch);
    retry_later(k);
}

/* ---- what the service calls ---- */

int keeper_client_new(struct event_base *base, const struct keeper_client_options *o,
                      const struct keeper_client_events *ev, void *arg, struct keeper_client **ret)
{
    struct keeper_client *k = xcalloc(1, sizeof(*k));

    keeper_launch_init(&k->launch, base, o->state_dir, o->keeper_path, o->log_file);
    k->launch.is_tied = o->is_tied;
    k->base = base;
    k->ev = ev;
    k->arg = arg;
    k->fd = -1;
    k->retry_ms = RETRY_FIRST_MS;
    if (o->sandbox)
        k->sandbox = *o->sandbox;
    packets_init(&k->packets, QUEUE_MAX_BYTES);
    k->retry = evtimer_new(base, on_retry, k);
    if (!k->retry) {
        keeper_client_free(k);
        return -ENOMEM;
    }
    retry_in(k, 0);
    *ret = k;
    return 0;
}

struct keeper_client *keeper_client_free(struct keeper_client *k)
{
    if (!k)
        return NULL;
    disconnect(k);
    k->retry = event_freep(k->retry);
    keeper_launch_deinit(&k->launch);
    free(k);
    return NULL;
}

bool keeper_client_is_ready(const struct keeper_client *k)
{
    return k->phase == READY;
}

static int request(struct keeper_client *k, const struct keeper_message *m)
{
    return k->phase == READY ? send_message(k, m) : -ENOTCONN;
}

static struct keeper_message about(enum keeper_message_type type, const char *id)
{
    struct keeper_message m = {.type = type};
    snprintf(m.id, sizeof(m.id), "%s", id);
    return m;
}

static struct keeper_sandbox sandbox_of(const struct keeper_client *k, const struct spec_sandbox *s)
{
    struct keeper_sandbox ret = k->sandbox;
    ret.wrap = s->wrap;
    ret.checks = s->checks;
    ret.workspace = s->workspace;
    ret.uid = s->uid;
    ret.wants_listener = s->network == SPEC_NETWORK_PROXY;
    ret.can_pool = s->can_pool;
    return ret;
}

int keeper_client_spawn(struct keeper_client *k, const struct exec_spec *s, const char *dir)
{
    struct keeper_message m = about(KEEPER_SPAWN, s->id);
    m.spawn = (struct keeper_spawn){
        .dir = dir,
        .cwd = s->cwd,
        .argv = s->argv,
        .env = s->env,
        .is_interactive = s->interactive,
        .is_pty = s->pty,
        .limits = s->limits,
    };
    if (s->sandbox)
        m.spawn.sandbox = sandbox_of(k, s->sandbox);
    return request(k, &m);
}

int keeper_client_stdin(struct keeper_client *k, const char *id, uint64_t token, const void *data,
                        size_t len, bool eof, const char *input_id)
{
    struct keeper_message m = about(KEEPER_STDIN, id);

    if (len > KEEPER_STDIN_CHUNK_MAX)
        return -E2BIG;
    m.input = (struct keeper_input){
        .token = token, .data = data, .len = len, .is_eof = eof, .input_id = input_id};
    return request(k, &m);
}

int keeper_client_kill(struct keeper_client *k, const char *id, enum keeper_kill_mode mode,
                       int signo, enum execution_reason reason)
{
    struct keeper_message m = about(KEEPER_KILL, id);
    m.kill = (struct keeper_kill){.mode = mode, .signo = signo, .reason = reason};
    return request(k, &m);
}

int keeper_client_note(struct keeper_client *k, const char *id, enum journal_type type,
                       const char *note)
{
    struct keeper_message m = about(KEEPER_NOTE, id);
    m.note = (struct keeper_note){.type = type, .text = note};
    return request(k, &m);
}

int keeper_client_quit(struct keeper_client *k)
{
    int r = request(k, &(struct keeper_message){.type = KEEPER_QUIT});
    if (r == 0)
        k->is_leaving = true;
    return r;
}

int keeper_client_upgrade(struct keeper_client *k)
{
    return request(k, &(struct keeper_message){.type = KEEPER_UPGRADE, .text = k->launch.program});
}
