#include <errno.h>
#include <stdio.h>

#include <sys/socket.h>

#include "exec/egress/egress_impl.h"
#include "state/base/fd.h"
#include "state/base/log.h"
#include "state/base/metrics.h"
#include "state/journal_note.h"

/* After an accept that failed for want of something. */
#define PAUSE_MS 50
/* Of a note, so that it fits with all the rest: the text for the client may be longer. */
#define MESSAGE_MAX 600

static bool has_room(const struct egress_site *s)
{
    return s->n_conns < s->core->o.max_per_execution &&
           s->core->n_conns < s->core->o.max_connections;
}

/* Clients beyond the limit wait in the listener's own queue until somebody is done. */
static void pause_accepting(struct egress_site *s)
{
    const struct timeval t = {.tv_usec = PAUSE_MS * 1000};

    (void)event_del(s->acceptable);
    (void)event_add(s->again, &t);
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
    struct egress_site *s = arg;

    if (!has_room(s)) {
        metric_add(METRIC_EGRESS_CONNECTIONS, "held_back", NULL, 1);
        return pause_accepting(s);
    }
    int client = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client >= 0)
        return conn_new(s, client);
    if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
        pause_accepting(s);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    struct egress_site *s = arg;

    if (has_room(s))
        (void)event_add(s->acceptable, NULL);
    else
        pause_accepting(s);
}

struct egress_site *site_new(struct egress_core *core, const char *id, int fd,
                             struct egress_policy *policy)
{
    struct egress_site *s = xcalloc(1, sizeof(*s));

    s->core = core;
    memcpy(s->id, id, strnlen(id, EXECUTION_ID_MAX));
    s->fd = fd;
    s->policy = policy;
    list_init(&s->conns);
    s->acceptable = event_new(core->base, fd, EV_READ | EV_PERSIST, on_acceptable, s);
    s->again = evtimer_new(core->base, on_again, s);
    if (!s->acceptable || !s->again || evutil_make_socket_nonblocking(fd) < 0 ||
        event_add(s->acceptable, NULL) < 0)
        return site_free(s);
    return s;
}

struct egress_site *site_free(struct egress_site *s)
{
    list_for_each_safe (l, next, &s->conns)
        conn_free(CONTAINER_OF(l, struct conn, link));
    if (s->acceptable)
        event_free(s->acceptable);
    if (s->again)
        event_free(s->again);
    fd_closep(&s->fd);
    egress_policy_free(s->policy);
    free(s);
    return NULL;
}

/* FNV-1a over what makes two refusals the same. */
static uint64_t hash_refusal(enum egress_verdict v, const char *host, unsigned port)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ ((uint64_t)v << 32 | port);
    for (; *host; host++)
        h = (h ^ (unsigned char)*host) * UINT64_C(0x100000001b3);
    return h;
}

static bool was_told(struct egress_site *s, uint64_t hash)
{
    for (unsigned i = 0; i < s->n_told; i++)
        if (s->told[i] == hash)
            return true;
    if (s->n_told == SITE_TOLD_MAX)
        return true; /* enough */
    s->told[s->n_told++] = hash;
    return false;
}

void site_tell(struct egress_site *s, enum egress_verdict v, const char *host, unsigned port,
               const char *message)
{
    CLEANUP(free_p) char *key = egress_policy_key(s->policy, v);
    CLEANUP(buf_deinit) struct buf note = {0};
    char target[HOST_NAME_MAX_LEN + 16], text[MESSAGE_MAX];

    metric_add(METRIC_EGRESS_REFUSED, egress_verdict_name(v), NULL, 1);
    if (was_told(s, hash_refusal(v, host, port)))
        return;
    snprintf(target, sizeof(target), strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
    snprintf(text, sizeof(text), "%s", message);
    LOG_INFO("egress_refused", LOG_STR("exec", s->id), LOG_STR("target", target),
             LOG_STR("why", egress_verdict_name(v)));
    const struct journal_note n = {
        .reason = "network", .message = text, .target = target, .configuration_key = key};
    if (journal_note_write(&n, &note))
        s->core->o.on_note(s->core->o.arg, s->id, note.data);
}

void site_conn_gone(struct egress_site *s)
{
    s->n_conns--;
    s->core->n_conns--;
    metric_set(METRIC_EGRESS_OPEN, NULL, NULL, s->core->n_conns);
}
