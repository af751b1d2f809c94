#include "exec/keeper/probe.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/prctl.h>
#include <sys/wait.h>

#include "exec/keeper/keeper.h"
#include "exec/keeper/sandbox.h"
#include "state/base/clock.h"
#include "state/base/fd.h"

#define PROBE_MAX_MS 10000

static int fail(const char *text)
{
    (void)puts(text);
    return EXIT_FAILURE;
}

static size_t read_request(char *space)
{
    size_t len = 0;
    for (ssize_t n;
         len < KEEPER_MESSAGE_MAX && (n = read(0, space + len, KEEPER_MESSAGE_MAX - len)) > 0;)
        len += (size_t)n;
    return len;
}

static void reap(struct keeper *k)
{
    for (pid_t pid; (pid = waitpid(-1, NULL, WNOHANG)) > 0;)
        (void)sandbox_reaped(k, pid);
}

/* Until init is there, or bwrap gave up: then the sandbox is dead. */
static bool wait_ready(struct keeper *k, const struct sandbox *s)
{
    uint64_t end = clock_mono_ms() + PROBE_MAX_MS;

    while (!s->is_ready && s->phase == SANDBOX_PREPARED && clock_mono_ms() < end) {
        (void)poll(&(struct pollfd){.fd = k->loop.epoll_fd, .events = POLLIN}, 1, 5);
        loop_turn_now(&k->loop);
        reap(k);
    }
    return s->is_ready;
}

static void wait_gone(struct keeper *k, struct sandbox *s)
{
    sandbox_let_die(s);
    while (!list_is_empty(&k->sandboxes)) {
        (void)poll(NULL, 0, 1);
        loop_turn_now(&k->loop);
        reap(k);
    }
}

int probe_run(struct keeper *k)
{
    struct keeper_message m = {0};
    struct spawn_error e = {0};

    (void)signal(SIGPIPE, SIG_IGN);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    k->open_files = 1024;
    size_t len = read_request(k->space);
    if (loop_init(&k->loop) < 0 || keeper_message_decode(k->space, len, &m) < 0 ||
        m.type != KEEPER_SPAWN)
        return fail("not a request");
    struct sandbox *s = sandbox_new(k, "probe", &m.spawn.sandbox, &m.spawn.limits, &e);
    if (!s) {
        keeper_message_deinit(&m);
        sandbox_free_dead(k);
        return fail(e.text);
    }
    bool is_ready = wait_ready(k, s);
    if (!is_ready)
        (void)fail(s->said_len > 0 ? s->said : "bwrap said nothing");
    wait_gone(k, s);
    sandbox_free_dead(k);
    keeper_message_deinit(&m);
    return is_ready ? EXIT_SUCCESS : EXIT_FAILURE;
}
