/* An execution whose command runs in a sandbox: how that begins, and what the sandbox tells. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <sys/resource.h>
#include <sys/wait.h>

#include "exec/init/init_wire.h"
#include "exec/keeper/child.h"
#include "exec/keeper/pool.h"
#include "exec/keeper/sandbox.h"
#include "exec/keeper/stdio.h"
#include "state/base/clock.h"
#include "state/base/fd.h"

/* Then something hangs: bwrap takes some milliseconds. */
#define START_MAX_MS 20000
/* Init that does not do what it is told for so long is killed itself, and all in there with it. */
#define SWEEP_PATIENCE_MS 1000
#define KILLS_PATIENCE    20u

static const struct rusage no_usage;

/* ---- the begin ---- */

static void on_start_time(struct timer *t)
{
    struct child *c = CONTAINER_OF(t, struct child, limit);
    child_fail(c, REASON_SPAWN_FAILED, "sandbox", -ETIMEDOUT);
}

void child_sandbox_await(struct child *c)
{
    timer_set(&c->keeper->loop, &c->limit, clock_mono_ms() + START_MAX_MS, on_start_time);
}

/* A prepared one, or a new one. NULL, and what went wrong. */
static struct sandbox *get_sandbox(struct child *c, const struct keeper_spawn *s,
                                   const struct stdio *io, struct spawn_error *e)
{
    struct sandbox *sb = pool_take(c->keeper, s);

    if (sb && sandbox_start(sb, c, s, io) == 0)
        return sb;
    if (sb)
        sandbox_let_die(sb);
    sb = sandbox_new(c->keeper, c->id, &s->sandbox, &s->limits, e);
    int r = sb ? sandbox_start(sb, c, s, io) : 0;
    if (r == -EPIPE || r == -ECONNRESET) { /* it ended at once: what it said comes with its end */
        sandbox_give(sb, c);
        r = 0;
    }
    if (r == 0)
        return sb;
    (void)spawn_fail(e, -r, "sandbox", NULL);
    sandbox_let_die(sb);
    return NULL;
}

/* Of a terminal we get our end when it is made; what is typed until then waits. */
static void take_descriptors(struct child *c, const struct keeper_spawn *s, struct stdio *io)
{
    c->streams[0].source.fd = TAKE_FD(io->ours[1]);
    c->streams[1].source.fd = TAKE_FD(io->ours[2]);
    input_init(&c->input, TAKE_FD(io->ours[0]), s->is_pty, s->limits.max_stdin_bytes);
    c->input.is_pending = s->is_pty && s->is_interactive;
    int r = input_watch(&c->input, &c->keeper->loop);
    if (r < 0)
        child_fail(c, REASON_SPAWN_FAILED, "epoll", r);
}

void child_begin_sandboxed(struct child *c, const struct keeper_spawn *s)
{
    CLEANUP(stdio_deinit) struct stdio io = STDIO_NONE;
    struct spawn_error e = {0};

    int r = stdio_make(&io, s);
    if (r < 0)
        (void)spawn_fail(&e, -r, s->is_pty ? "terminal" : "pipe", NULL);
    c->sandbox = r < 0 ? NULL : get_sandbox(c, s, &io, &e);
    if (!c->sandbox)
        return child_end_unstarted(c, REASON_SPAWN_FAILED, e.error, e.text);
    c->phase = CHILD_STARTING;
    c->cwd = xstrdup(s->cwd);
    c->program = xstrdup(s->argv[0]);
    c->tree.cgroup = c->sandbox->cgroup;
    c->sandbox->cgroup = (struct cgroup){0};
    c->held = c->sandbox->held;
    c->started_ms = c->active_ms = clock_mono_ms();
    c->exit.started_us = clock_real_us();
    child_sandbox_await(c);
    take_descriptors(c, s, &io);
    pool_want(c->keeper, s);
}

void child_sandbox_let_go(struct child *c)
{
    struct sandbox *s = TAKE_PTR(c->sandbox);
    if (!s)
        return;
    s->cgroup = c->tree.cgroup; /* goes with the last process */
    c->tree.cgroup = (struct cgroup){0};
    sandbox_let_die(s);
}

/* ---- what it tells ---- */

void child_sandbox_started(struct child *c, pid_t pid, int terminal_fd)
{
    CLEANUP(fd_closep) int terminal = terminal_fd;

    if (c->phase != CHILD_STARTING)
        return;
    timer_clear(&c->limit);
    if (terminal >= 0 && c->input.is_pending)
        c->input.source.fd = fcntl(terminal, F_DUPFD_CLOEXEC, 3);
    c->input.is_pending = false;
    if (terminal >= 0)
        c->streams[0].source.fd = TAKE_FD(terminal);
    child_run(c, pid);
}

static const char *step_text(int step)
{
    static const char *const names[] = {
        [INIT_STEP_MESSAGE] = "sandbox",
        [INIT_STEP_FORK] = "fork",
        [INIT_STEP_SESSION] = "setsid",
        [INIT_STEP_DESCRIPTORS] = "descriptors",
        [INIT_STEP_TERMINAL] = "terminal",
        [INIT_STEP_LIMITS] = "limits",
        [INIT_STEP_DIRECTORY] = "chdir",
        [INIT_STEP_SIGNALS] = "signals",
        [INIT_STEP_EXEC] = "exec",
        [INIT_STEP_LISTENER] = "listener",
        [INIT_STEP_CHECK] =
            "sandbox_config.filesystem names what is hidden, or was changed meanwhile",
    };
    return step >= 0 && step < (int)ARRAY_LEN(names) ? names[step] : "sandbox";
}

void child_sandbox_failed(struct child *c, int step, int error)
{
    struct spawn_error e;
    const char *object = step == INIT_STEP_EXEC        ? c->program
                         : step == INIT_STEP_DIRECTORY ? c->cwd
                                                       : NULL;
    if (c->phase != CHILD_STARTING)
        return;
    (void)spawn_fail(&e, error, step_text(step), object);
    timer_clear(&c->limit);
    child_sandbox_let_go(c);
    child_end_unstarted(c, REASON_SPAWN_FAILED, error, e.text);
}

static void main_ended(struct child *c, int status, const struct rusage *usage)
{
    if (c->phase == CHILD_STARTING || c->phase == CHILD_RUNNING)
        child_main_ended(c, status, usage);
}

void child_sandbox_ended(struct child *c, int status, const struct rusage *usage, unsigned killed)
{
    c->sandbox_killed = killed;
    main_ended(c, status, usage);
}

void child_sandbox_gone(struct child *c, unsigned killed)
{
    c->sandbox_killed = killed;
    if (c->phase == CHILD_SWEEPING)
        child_sweep_now(c);
}

/* It was killed from outside; by us, by the kernel for want of memory, by an administrator. */
void child_sandbox_lost(struct child *c, const char *said)
{
    char text[200];

    if (c->phase == CHILD_SWEEPING)
        return child_sweep_now(c);
    if (c->phase != CHILD_STARTING || c->reason)
        return main_ended(c, SIGKILL, &no_usage); /* as wait(2) tells one that was killed */
    snprintf(text, sizeof(text), "sandbox: %s", *said ? said : "it ended before the command began");
    timer_clear(&c->limit);
    child_sandbox_let_go(c);
    child_end_unstarted(c, REASON_SPAWN_FAILED, ECHILD, text);
}

/* ---- its end ---- */

void child_sandbox_kill(struct child *c)
{
    sandbox_signal_all(c->sandbox, SIGKILL);
    if (++c->sandbox_kills >= KILLS_PATIENCE)
        sandbox_kill(c->sandbox);
}

bool child_sandbox_sweep(struct child *c, uint64_t ago_ms)
{
    if (c->sandbox->is_alone)
        return true;
    if (ago_ms == 0)
        sandbox_finish(c->sandbox);
    else if (ago_ms > SWEEP_PATIENCE_MS)
        sandbox_kill(c->sandbox);
    return false;
}
