/*
 * mcp-execd: parse, set up, serve, one exit. Who serves which path is said here and nowhere else.
 *
 *   main thread: signals        reactor thread: executions        HTTP threads: requests
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "config/config.h"
#include "exec/isolation.h"
#include "exec/keeper/keeper.h"
#include "exec/keeper_path.h"
#include "exec/reactor.h"
#include "exec/tree_limits.h"
#include "server/doctor/doctor.h"
#include "server/front.h"
#include "server/mcp/mcp.h"
#include "server/mcp/pack_exec.h"
#include "server/mcp/state_key.h"
#include "state/base/clock.h"
#include "state/base/fd.h"
#include "state/base/log.h"
#include "state/session.h"

#define EXIT_FAILED     1
#define EXIT_BAD_CONFIG 2
/* A server that hands over needs a moment to let go of the state directory. */
#define LOCK_PATIENCE_S 15
/* Replies under way when we stop get so long to leave. */
#define FLUSH_MS 2000

struct server {
    struct config *config;       /* owned */
    struct sessions *sessions;   /* owned */
    struct reactor *reactor;     /* owned */
    struct mcp_pack *pack;       /* owned */
    struct mcp *mcp;             /* owned */
    struct front *front;         /* owned */
    struct health_source health; /* front borrows it */
    int lock_fd;                 /* owned: <state_dir>/server.lock */
};

static int open_log(const struct config *c)
{
    const struct log_options o = {.file = c->log_file,
                                  .to_stderr = true,
                                  .json = c->log_format == CONFIG_LOG_JSON,
                                  .level = (enum log_level)c->log_level,
                                  .max_bytes = c->log_max_bytes,
                                  .keep_days = c->log_keep_days,
                                  .replica = c->replica_id};
    int r = log_open(&o);
    if (r < 0)
        fprintf(stderr,
                "mcp-execd: log.file: \"%s\" can't be opened: %s (name another with --log-file, or "
                "\"\" for stderr only)\n",
                c->log_file, strerror(-r));
    return r;
}

static int wait_signal(const sigset_t *set, uint64_t ms)
{
    struct timespec t = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    return sigtimedwait(set, NULL, &t);
}

/* One server for one state directory: two would start what is pending twice. */
static int lock_state_dir(const struct config *c, const sigset_t *set, int *ret_fd)
{
    int r = dir_make(c->state_dir);
    CLEANUP(free_p) char *path = NULL;
    if (asprintf(&path, "%s/server.lock", c->state_dir) < 0)
        abort();
    CLEANUP(fd_closep) int fd = r < 0 ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        fprintf(stderr,
                "mcp-execd: exec.state_dir: \"%s\" can't be used: %s (name another with "
                "--state-dir)\n",
                c->state_dir, strerror(r < 0 ? -r : errno));
        return -EACCES;
    }
    for (int waited = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; waited++) {
        if (waited == 0)
            LOG_INFO("waiting_for_other_server", LOG_STR("state_dir", c->state_dir));
        if (waited >= LOCK_PATIENCE_S * 50) {
            fprintf(stderr,
                    "mcp-execd: exec.state_dir: another mcp-execd uses \"%s\": stop it, send it "
                    "USR2 to hand over, or name another directory with --state-dir\n",
                    c->state_dir);
            return -EBUSY;
        }
        if (wait_signal(set, 20) > 0)
            return -EINTR;
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* Each stream is a descriptor: take what the host allows, which the keeper gets as well. */
static void raise_descriptor_limit(const struct config *c)
{
    uint64_t needed = keeper_fds_needed(c->max_concurrent, c->sandbox_pool);
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) < 0)
        return;
    l.rlim_cur = l.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE,
                    &l); /* refused: the soft limit stays, the connection cap holds */
    if (l.rlim_max < needed)
        LOG_WARN("few_open_files", LOG_U64("allowed", l.rlim_max), LOG_U64("needed", needed),
                 LOG_STR("way_out", "lower limits.max_concurrent or sandbox.pool, or raise "
                                    "LimitNOFILE= of the unit (ulimit -Hn)"));
}

static const char *const redis_names[] = {
    [REACTOR_REDIS_NONE] = NULL,
    [REACTOR_REDIS_OK] = "ok",
    [REACTOR_REDIS_AWAY] = "away",
    [REACTOR_REDIS_ID_TAKEN] = "replica id taken",
};

static void get_health(void *arg, struct health *ret)
{
    const struct server *s = arg;
    struct reactor_health h;
    reactor_get_health(s->reactor, &h);
    *ret = (struct health){.is_keeper_ready = h.is_keeper_ready,
                           .is_draining = h.is_draining,
                           .is_disk_low = h.is_disk_low,
                           .redis = redis_names[h.redis],
                           .is_id_taken = h.redis == REACTOR_REDIS_ID_TAKEN,
                           .tree_memory = h.tree_limits & TREE_MEMORY,
                           .tree_processes = h.tree_limits & TREE_PROCESSES,
                           .tree_cpu = h.tree_limits & TREE_CPU,
                           .is_limit_missing = h.weak_limits && s->config->require_tree_limits};
    CLEANUP(buf_deinit) struct buf note = {0};
    tree_limits_describe(h.weak_limits, &note);
    snprintf(ret->note, sizeof(ret->note), "%s", note.len > 0 ? note.data : "");
}

static void set_address(struct server *s)
{
    CLEANUP(free_p) char *address = front_address(s->front);
    if (address)
        reactor_set_address(s->reactor, address);
}

/* What commands are promised to be isolated by must work here; it never gets weaker by itself. */
static int try_isolation(const struct config *c)
{
    CLEANUP(free_p) char *error = NULL;
    CLEANUP(free_p) char *keeper = NULL;
    struct isolation *i = NULL;
    int r = isolation_new(c, &i, &error);
    if (r == 0 && i)
        r = keeper_path_find(c->keeper_path, &keeper);
    if (r == 0 && i)
        r = isolation_try(i, keeper, c->state_dir, &error);
    const char *missing = r == 0 && i ? isolation_missing(i) : NULL;
    if (missing)
        LOG_WARN("writable_path_missing", LOG_STR("profile", isolation_profile(i)->name),
                 LOG_STR("path", missing));
    if (error)
        fprintf(stderr, "mcp-execd: %s\n", error);
    isolation_free(i);
    return r;
}

static void on_session_end(void *arg, const char *session_id)
{
    const struct server *s = arg;
    mcp_session_ended(s->mcp, session_id);
}

static int set_up(struct server *s, const sigset_t *set)
{
    const struct config *c = s->config;
    raise_descriptor_limit(c);
    int r = front_new(s->config, &s->front);
    if (r == 0)
        r = lock_state_dir(c, set, &s->lock_fd);
    if (r == 0)
        r = sessions_new(c->state_dir, c->replica_id, c->max_sessions, c->session_ttl_ms,
                         &s->sessions);
    if (r == 0)
        r = try_isolation(c);
    if (r == 0)
        r = reactor_new(c, s->sessions, &s->reactor);
    if (r < 0)
        return r;
    s->pack = pack_exec_new(c, s->reactor);
    const struct mcp_pack *packs[] = {s->pack};
    unsigned char state_key[MCP_STATE_KEY_BYTES];
    r = state_key_load(c, state_key);
    if (r < 0) {
        fprintf(stderr, "mcp-execd: %s/state.key can't be read or made: %s\n", c->state_dir,
                strerror(-r));
        return r;
    }
    const struct mcp_options o = {.config = c,
                                  .state_key = state_key,
                                  .sessions = s->sessions,
                                  .reactor = c->redis_url ? s->reactor : NULL,
                                  .packs = packs,
                                  .n_packs = ARRAY_LEN(packs),
                                  .name = "mcp-execd",
                                  .title = "Command execution",
                                  .version = MCP_EXECD_VERSION};
    s->mcp = mcp_new(&o);
    reactor_on_session_end(s->reactor, on_session_end, s);
    pack_exec_attach(s->pack, s->mcp);
    s->health = (struct health_source){.get = get_health, .arg = s};
    r = front_start(s->front, s->mcp, &s->health);
    if (r < 0)
        return r;
    set_address(s);
    return reactor_start(s->reactor);
}

static void tear_down(struct server *s)
{
    if (s->reactor)
        reactor_stop(s->reactor); /* answers what is parked; the answers leave before that stops */
    if (s->front) {
        front_stop(s->front);
        front_close(s->front);
    }
    s->mcp = mcp_free(s->mcp);
    s->pack = pack_exec_free(s->pack);
    s->reactor = reactor_free(s->reactor);
    s->sessions = sessions_free(s->sessions);
    fd_closep(&s->lock_fd);
    s->front = front_free(s->front);
    config_free(s->config);
}

/* Is anything left that a drain waits for? */
static bool is_busy(const struct server *s)
{
    struct reactor_health h;
    reactor_get_health(s->reactor, &h);
    return h.running || h.pending || h.is_mirroring || front_open_requests(s->front);
}

/* Looks every 20 ms until nothing is busy or the time is over; INT cuts it short. */
static void wait_idle(struct server *s, const sigset_t *set, uint64_t ms)
{
    uint64_t end = clock_mono_ms() + ms;
    while (is_busy(s) && clock_mono_ms() < end)
        if (wait_signal(set, 20) == SIGINT)
            return;
}

static void begin_drain(struct server *s, enum reactor_drain mode)
{
    reactor_drain(s->reactor, mode);
    mcp_drain(s->mcp);
    front_drain(s->front);
}

/* A load balancer may be sending a request on a connection that it kept: it is told to ask another
 * replica, until it has let go of them all. The next server need not wait for that. */
static void let_balancer_go(struct server *s, const sigset_t *set)
{
    uint64_t end = clock_mono_ms() + s->config->request_timeout_ms;
    if (!front_has_balancer(s->front))
        return;
    reactor_stop(s->reactor);
    fd_closep(&s->lock_fd);
    LOG_INFO("waiting_for_balancer", LOG_STR("reason", "it keeps connections"));
    while (front_has_balancer(s->front) && clock_mono_ms() < end)
        if (wait_signal(set, 20) == SIGINT)
            return;
}

static void stop_by(struct server *s, const sigset_t *set, int signo)
{
    LOG_INFO("stopping", LOG_STR("signal", signo == SIGINT    ? "INT"
                                           : signo == SIGTERM ? "TERM"
                                                              : "USR2"));
    if (signo == SIGUSR2) {
        begin_drain(s, REACTOR_DRAIN_HANDOVER);
        uint64_t end = clock_mono_ms() + FLUSH_MS;
        while (front_open_requests(s->front) && clock_mono_ms() < end)
            (void)wait_signal(set, 20);
        let_balancer_go(s, set);
        return;
    }
    /* Over pipes there is one client, which wants us to go or has gone. */
    if (signo == SIGTERM && !s->config->stdio) {
        begin_drain(s, REACTOR_DRAIN_WAIT);
        wait_idle(s, set, s->config->drain_timeout_ms);
    }
    begin_drain(s, REACTOR_DRAIN_CANCEL);
    wait_idle(s, set, s->config->kill_grace_ms + FLUSH_MS);
    if (signo == SIGTERM)
        let_balancer_go(s, set);
}

/* HUP: the log file may have been moved away; all else needs a restart. */
static void reload(void)
{
    int r = log_reopen();
    if (r < 0)
        LOG_WARN("log_not_reopened", LOG_ERRNO(r));
    else
        LOG_INFO("reloaded", LOG_STR("what", "log file reopened"));
}

static void serve(struct server *s, const sigset_t *set)
{
    for (;;) {
        int signo = 0;
        if (sigwait(set, &signo) != 0)
            continue;
        if (signo == SIGHUP)
            reload();
        else
            return stop_by(s, set, signo);
    }
}

static int run_doctor(struct config *c)
{
    config_forget_secrets();
    signal(SIGPIPE, SIG_IGN);
    /* What the parts log is in the report, in words. */
    int r = log_open(&(struct log_options){.to_stderr = true, .level = LOGL_ERROR});
    if (r == 0)
        r = doctor_run(c, c->nginx_file, stdout);
    config_free(c);
    log_close();
    return r < 0 ? EXIT_FAILED : r;
}

int main(int argc, char **argv)
{
    struct server s = {.lock_fd = -1};
    /* Commands may run as our user: they must not read the token in our memory or environment. */
    (void)prctl(PR_SET_DUMPABLE, 0);
    switch (config_load(argc, argv, environ, &s.config)) {
    case CONFIG_EXIT_OK:
        return 0;
    case CONFIG_EXIT_BAD:
        return EXIT_BAD_CONFIG;
    case CONFIG_DOCTOR:
        return run_doctor(s.config);
    case CONFIG_RUN:
        break;
    }
    config_forget_secrets();
    /* Blocked before the first thread is made: each inherits that, and only main hears them. */
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGUSR2);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (open_log(s.config) < 0)
        return EXIT_BAD_CONFIG;
    int r = set_up(&s, &set);
    if (r == 0)
        serve(&s, &set);
    tear_down(&s);
    LOG_INFO("stopped");
    log_close();
    return r < 0 ? EXIT_FAILED : 0;
}
