#include "exec/keeper/clients.h"

#include <errno.h>
#include <string.h>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "exec/keeper/child.h"
#include "exec/keeper/keeper.h"
#include "exec/keeper/reexec.h"
#include "exec/keeper/sandbox.h"
#include "state/base/clock.h"
#include "state/base/fd.h"
#include "state/base/log.h"

/* A list of all executions fits, and a second of the fastest starts and ends. */
#define QUEUE_MAX_BYTES   (1024u * 1024)
#define GREW_INTERVAL_MS  5
#define PACKETS_PER_EVENT 16

static unsigned number_of(const struct client *c)
{
    return (unsigned)(c - c->keeper->clients.v);
}

static void hang_up(struct client *c, const char *why)
{
    if (!c->source.is_watched)
        return;
    LOG_INFO("client_gone", LOG_U64("client", number_of(c)), LOG_STR("why", why));
    source_close(&c->keeper->loop, &c->source);
    packets_clear(&c->packets);
    c->is_greeted = c->is_attached = false;
}

/* ---- sending ---- */

/* Who can't be told anything any more may have asked for something before it went, as a server that
 * sends QUIT and ends: what it sent is read to the end. */
static void on_send_error(struct client *c, int r)
{
    if (r == -ENOBUFS)
        return hang_up(c, "too slow");
    packets_clear(&c->packets);
    c->is_attached = false;
}

static void send_message(struct client *c, const struct keeper_message *m)
{
    bool was_empty = packets_is_empty(&c->packets);
    int r = packets_send(&c->packets, c->source.fd, m);

    if (r < 0)
        return on_send_error(c, r);
    if (was_empty && !packets_is_empty(&c->packets))
        source_set_events(&c->keeper->loop, &c->source, EPOLLIN | EPOLLOUT);
}

static void send_queue(struct client *c)
{
    int r = packets_flush(&c->packets, c->source.fd);

    if (r < 0)
        on_send_error(c, r);
    if (packets_is_empty(&c->packets))
        source_set_events(&c->keeper->loop, &c->source, EPOLLIN);
}

static void send_to_all(struct keeper *k, const struct keeper_message *m)
{
    for (unsigned i = 0; i < CLIENTS_MAX; i++)
        if (k->clients.v[i].is_attached)
            send_message(&k->clients.v[i], m);
}

static struct keeper_message about(const struct child *c, enum keeper_message_type type)
{
    struct keeper_message m = {.type = type};
    memcpy(m.id, c->id, sizeof(m.id));
    child_get_totals(c, &m.running);
    return m;
}

static bool has_listener(const struct child *c)
{
    return c->sandbox && c->phase == CHILD_RUNNING && c->sandbox->listener_fd >= 0;
}

void clients_send_started(struct keeper *k, const struct child *c)
{
    struct keeper_message m = about(c, KEEPER_STARTED), listener = {.type = KEEPER_LISTENER};
    send_to_all(k, &m);
    if (!has_listener(c))
        return;
    memcpy(listener.id, c->id, sizeof(listener.id));
    listener.listener_fd = c->sandbox->listener_fd;
    send_to_all(k, &listener);
}

void clients_send_ended(struct keeper *k, const char *id)
{
    struct keeper_message m = {.type = KEEPER_ENDED};
    memcpy(m.id, id, strlen(id));
    send_to_all(k, &m);
}

/* ---- GREW: a flag for each execution and client, told when the client takes it ---- */

static void on_grew_time(struct timer *t);

static void arm_grew(struct keeper *k)
{
    if (!timer_is_set(&k->clients.grew))
        timer_set(&k->loop, &k->clients.grew, k->clients.grew_ms + GREW_INTERVAL_MS, on_grew_time);
}

void clients_send_grew(struct keeper *k, struct child *c)
{
    c->grew = (1u << CLIENTS_MAX) - 1;
    arm_grew(k);
}

static void send_grew(struct client *c)
{
    list_for_each (l, &c->keeper->children) {
        struct child *child = CONTAINER_OF(l, struct child, link);
        uint32_t bit = 1u << number_of(c);
        if (!c->is_attached || !packets_is_empty(&c->packets))
            return;
        if (!(child->grew & bit))
            continue;
        child->grew &= ~bit;
        struct keeper_message m = about(child, KEEPER_GREW);
        send_message(c, &m);
    }
}

static void on_grew_time(struct timer *t)
{
    struct keeper *k = CONTAINER_OF(t, struct keeper, clients.grew);

    k->clients.grew_ms = clock_mono_ms();
    for (unsigned i = 0; i < CLIENTS_MAX; i++)
        send_grew(&k->clients.v[i]);
}

/* ---- receiving ---- */

static void on_hello(struct client *c, const struct keeper_message *m)
{
    c->is_greeted = keeper_version_common(m->hello.min, m->hello.max) != 0;
    LOG_INFO("client_attached", LOG_U64("client", number_of(c)),
             LOG_STR("program", m->hello.program), LOG_U64("version_max", m->hello.max));
    send_message(c, &(struct keeper_message){
                        .type = KEEPER_HELLO,
                        .hello = {KEEPER_VERSION_MIN, KEEPER_VERSION_MAX, MCP_EXECD_VERSION},
                    });
}

static struct keeper_host host_of(const struct keeper *k)
{
    unsigned has = cgroup_host_controllers(&k->cgroups);
    return (struct keeper_host){
        .memory = has & CGROUP_BIT(CGROUP_MEMORY),
        .processes = has & CGROUP_BIT(CGROUP_PIDS),
        .cpu = has & CGROUP_BIT(CGROUP_CPU),
    };
}

static void send_listeners(struct client *c)
{
    list_for_each (l, &c->keeper->children) {
        const struct child *child = CONTAINER_OF(l, struct child, link);
        struct keeper_message m = {.type = KEEPER_LISTENER};
        if (!c->is_attached || !has_listener(child))
            continue;
        memcpy(m.id, child->id, sizeof(m.id));
        m.listener_fd = child->sandbox->listener_fd;
        send_message(c, &m);
    }
}

static void on_list(struct client *c)
{
    c->is_attached = true;
    list_for_each (l, &c->keeper->children) {
        struct child *child = CONTAINER_OF(l, struct child, link);
        struct keeper_message m = about(child, KEEPER_RUNNING);
        child->grew &= ~(1u << number_of(c));
        if (c->is_attached) /* not hung up on meanwhile */
            send_message(c, &m);
    }
    if (c->is_attached)
        send_message(c,
                     &(struct keeper_message){.type = KEEPER_LIST_END, .host = host_of(c->keeper)});
    send_listeners(c);
}

static void on_stdin(struct client *c, const struct keeper_message *m)
{
    struct child *child = child_find(c->keeper, m->id);
    struct keeper_message answer = {.type = KEEPER_STDIN_DONE};

    answer.input_done.token = m->input.token;
    answer.input_done.result = child ? child_write_stdin(child, &m->input) : KEEPER_STDIN_GONE;
    send_message(c, &answer);
}

static void on_kill(struct client *c, const struct keeper_message *m)
{
    struct child *child = child_find(c->keeper, m->id);
    if (child)
        child_kill(child, &m->kill);
}

static void on_note(struct client *c, const struct keeper_message *m)
{
    struct child *child = child_find(c->keeper, m->id);
    if (child)
        child_note(child, m->note.type, m->note.text);
}

/* Whether the message was one that a client may send now. */
static bool on_message(struct client *c, const struct keeper_message *m)
{
    if (!c->is_greeted && m->type != KEEPER_HELLO && m->type != KEEPER_UPGRADE)
        return false;
    switch (m->type) {
    case KEEPER_HELLO:
        on_hello(c, m);
        return true;
    case KEEPER_LIST:
        on_list(c);
        return true;
    case KEEPER_SPAWN:
        child_spawn(c->keeper, m->id, &m->spawn);
        return true;
    case KEEPER_STDIN:
        on_stdin(c, m);
        return true;
    case KEEPER_KILL:
        on_kill(c, m);
        return true;
    case KEEPER_NOTE:
        on_note(c, m);
        return true;
    case KEEPER_QUIT:
        c->keeper->is_quitting = true;
        return true;
    case KEEPER_UPGRADE:
        reexec(c->keeper, m->text);
        return true;
    case KEEPER_ERROR:
    case KEEPER_RUNNING:
    case KEEPER_LIST_END:
    case KEEPER_STARTED:
    case KEEPER_GREW:
    case KEEPER_ENDED:
    case KEEPER_STDIN_DONE:
    case KEEPER_LISTENER:
        break;
    }
    return false;
}

static void refuse(struct client *c, const char *why)
{
    send_message(c, &(struct keeper_message){.type = KEEPER_ERROR, .text = why});
    hang_up(c, why);
}

/* One message; false: no more for now. */
static bool receive(struct client *c)
{
    struct keeper_message m;
    int r = packets_receive(c->source.fd, c->keeper->space, &m);

    if (r == PACKETS_NOTHING_NOW)
        return false;
    if (r == -EBADMSG)
        refuse(c, "not a message");
    else if (r < 0)
        hang_up(c, r == -ECONNRESET ? "closed" : strerror(-r));
    if (r < 0)
        return false;
    if (!on_message(c, &m))
        refuse(c, "message out of place");
    keeper_message_deinit(&m);
    return c->source.is_watched;
}

static void on_client(struct source *s, uint32_t events)
{
    struct client *c = CONTAINER_OF(s, struct client, source);

    if (events & EPOLLOUT) {
        send_queue(c);
        if (c->source.is_watched && packets_is_empty(&c->packets))
            arm_grew(c->keeper);
    }
    for (int i = 0; i < PACKETS_PER_EVENT && c->source.is_watched; i++)
        if (!receive(c))
            break;
}

/* ---- coming and going ---- */

static bool is_allowed(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

static struct client *free_place(struct keeper *k)
{
    for (unsigned i = 0; i < CLIENTS_MAX; i++)
        if (!k->clients.v[i].source.is_watched)
            return &k->clients.v[i];
    return NULL;
}

void clients_accept(struct source *listener, uint32_t events)
{
    struct keeper *k = CONTAINER_OF(listener, struct keeper, listener);
    CLEANUP(fd_closep) int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0)
        return;
    struct client *c = free_place(k);
    if (!c || !is_allowed(fd)) {
        LOG_WARN("client_refused", LOG_STR("why", c ? "not our user" : "too many"));
        return;
    }
    packets_set_buffer(fd);
    if (source_watch(&k->loop, &c->source, fd, EPOLLIN, on_client) < 0)
        return;
    (void)TAKE_FD(fd);
}

void clients_init(struct keeper *k)
{
    for (unsigned i = 0; i < CLIENTS_MAX; i++) {
        k->clients.v[i].keeper = k;
        packets_init(&k->clients.v[i].packets, QUEUE_MAX_BYTES);
    }
}

void clients_close_all(struct keeper *k)
{
    for (unsigned i = 0; i < CLIENTS_MAX; i++)
        hang_up(&k->clients.v[i], "keeper leaves");
}
