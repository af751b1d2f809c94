#include "exec/keeper/reexec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "exec/keeper/child.h"
#include "exec/keeper/codec.h"
#include "exec/keeper/sandbox.h"
#include "state/base/fd.h"
#include "state/base/log.h"

#define STATE_MAX    (256u * 1024 * 1024)
#define CHECK_MAX_MS 2000

/* ---- one walk for writing and reading ---- */

static void walk_exit(struct codec *x, struct execution_exit *e)
{
    codec_i32(x, &e->exit_code);
    codec_i32(x, &e->term_signal);
    codec_chars(x, e->error, sizeof(e->error));
    codec_u64(x, &e->started_us);
    codec_u64(x, &e->wall_ms);
    codec_u64(x, &e->user_ms);
    codec_u64(x, &e->system_ms);
    codec_u64(x, &e->max_rss_bytes);
    codec_u64(x, &e->tree_cpu_ms);
    codec_u64(x, &e->max_memory_bytes);
    codec_u64(x, &e->memory_peak_bytes);
    codec_u64(x, &e->oom_kills);
    codec_u64(x, &e->max_processes);
    codec_u64(x, &e->refused_forks);
    codec_u64(x, &e->events);
    codec_u64(x, &e->output_bytes);
}

static void walk_sandbox(struct codec *x, struct child *c)
{
    bool is_there = c->sandbox;
    const char *cwd = c->cwd, *program = c->program;

    codec_bool(x, &is_there);
    codec_u32(x, &c->sandbox_killed);
    if (!is_there || x->is_bad)
        return;
    if (codec_is_reading(x)) {
        c->sandbox = sandbox_resume(c->keeper);
        c->sandbox->phase = SANDBOX_BUSY;
        c->sandbox->child = c;
    }
    sandbox_walk(c->sandbox, x);
    codec_str(x, &cwd);
    codec_str(x, &program);
    if (codec_is_reading(x)) {
        c->cwd = xstrdup(cwd ? cwd : "");
        c->program = xstrdup(program ? program : "");
    }
}

static void walk_child(struct codec *x, struct child *c, uint64_t *kill_ms)
{
    uint32_t phase = c->phase, reason = c->reason;

    codec_u32(x, &phase);
    codec_u32(x, &reason);
    if (phase < CHILD_STARTING || phase > CHILD_FINISHING || reason > REASON_MAX)
        x->is_bad = true;
    c->phase = phase;
    c->reason = reason;
    keeper_limits_walk(x, &c->limits);
    codec_u32(x, &c->held);
    for (int i = 0; i < JOURNAL_STREAMS; i++)
        codec_i32(x, &c->streams[i].source.fd);
    input_walk(&c->input, x);
    journal_writer_walk(&c->journal, x);
    tree_walk(&c->tree, x);
    walk_sandbox(x, c);
    codec_u64(x, &c->started_ms);
    codec_u64(x, &c->active_ms);
    codec_u64(x, &c->phase_ms);
    codec_u64(x, kill_ms);
    codec_i32(x, &c->error);
    codec_bool(x, &c->has_reason_record);
    codec_bool(x, &c->has_exit_record);
    walk_exit(x, &c->exit);
}

static void walk_keeper(struct codec *x, struct keeper *k, uint32_t *n_children)
{
    codec_i32(x, &k->listener.fd);
    codec_i32(x, &k->lock_fd);
    codec_u64(x, &k->open_files);
    codec_bool(x, &k->is_quitting);
    codec_bool(x, &k->is_stopping);
    codec_u32(x, &k->pool.serial); /* the names of groups that are in use */
    cgroup_host_walk(&k->cgroups, x);
    codec_u32(x, n_children);
}

/* Those that only have to end yet. */
static void walk_dying(struct codec *x, struct keeper *k)
{
    uint32_t n = 0;

    list_for_each (l, &k->sandboxes)
        n += CONTAINER_OF(l, struct sandbox, link)->phase == SANDBOX_DYING;
    codec_u32(x, &n);
    if (!codec_is_reading(x)) {
        list_for_each (l, &k->sandboxes) {
            struct sandbox *s = CONTAINER_OF(l, struct sandbox, link);
            if (s->phase == SANDBOX_DYING)
                sandbox_walk(s, x);
        }
        return;
    }
    for (uint32_t i = 0; i < n && !x->is_bad; i++) {
        struct sandbox *s = sandbox_resume(k);
        sandbox_walk(s, x);
        sandbox_continue(s);
    }
}

static void write_state(struct keeper *k, struct buf *out)
{
    struct codec x = codec_writer(out);
    uint32_t version = REEXEC_VERSION, n = k->n_children;

    codec_u32(&x, &version);
    walk_keeper(&x, k, &n);
    list_for_each (l, &k->children) {
        struct child *c = CONTAINER_OF(l, struct child, link);
        uint64_t kill_ms = timer_is_set(&c->ladder) ? c->ladder.at_ms : 0;
        const char *dir = c->dir;
        codec_chars(&x, c->id, sizeof(c->id));
        codec_str(&x, &dir);
        walk_child(&x, c, &kill_ms);
    }
    walk_dying(&x, k);
}

/* ---- descriptors that go along ---- */

static void set_kept(int fd, bool is_kept)
{
    if (fd >= 0 && fcntl(fd, F_SETFD, is_kept ? 0 : FD_CLOEXEC) < 0)
        abort(); /* it is open: it is ours */
}

static void set_all_kept(struct keeper *k, bool is_kept)
{
    set_kept(k->listener.fd, is_kept);
    set_kept(k->lock_fd, is_kept);
    list_for_each (l, &k->children) {
        struct child *c = CONTAINER_OF(l, struct child, link);
        for (int i = 0; i < JOURNAL_STREAMS; i++)
            set_kept(c->streams[i].source.fd, is_kept);
        set_kept(c->input.source.fd, is_kept);
        set_kept(c->journal.output_fd, is_kept);
        set_kept(c->journal.index_fd, is_kept);
    }
    list_for_each (l, &k->sandboxes)
        sandbox_set_kept(CONTAINER_OF(l, struct sandbox, link), set_kept, is_kept);
}

/* ---- going ---- */

static int run_program(struct keeper *k, const char *program)
{
    CLEANUP(buf_deinit) struct buf state = {0};
    CLEANUP(fd_closep) int fd = memfd_create("keeper-state", 0);
    char number[16];

    if (fd < 0)
        return -errno;
    sandbox_let_all_die(k); /* the prepared ones */
    write_state(k, &state);
    int r = fd_write_all(fd, state.data, state.len);
    if (r < 0)
        return r;
    snprintf(number, sizeof(number), "%d", fd);
    const char *argv[] = {program, "--state-dir", k->state_dir, "--resume",
                          number,  "--log-file",  k->log_file,  NULL};
    if (!k->log_file)
        argv[5] = NULL;
    set_all_kept(k, true);
    execve(program, (char **)argv, environ);
    r = -errno;
    set_all_kept(k, false);
    return r;
}

/* Whether the program runs at all here, and goes on with what we write. Its answer is its exit
 * status; one that does not come is a no. */
static bool can_resume(const char *program)
{
    char version[16];
    const char *argv[] = {program, "--can-resume", version, NULL};
    int status = -1;

    snprintf(version, sizeof(version), "%u", REEXEC_VERSION);
    pid_t pid = vfork();

    if (pid == 0) {
        execve(program, (char **)argv, environ);
        _exit(127);
    }
    CLEANUP(fd_closep) int fd = pid < 0 ? -1 : pidfd_open(pid, 0);
    if (pid < 0)
        return false;
    if (poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, CHECK_MAX_MS) != 1)
        (void)kill(pid, SIGKILL);
    return waitpid(pid, &status, 0) == pid && status == 0;
}

void reexec(struct keeper *k, const char *program)
{
    LOG_INFO("upgrade", LOG_STR("program", program), LOG_U64("running", k->n_children));
    int r = can_resume(program) ? run_program(k, program) : -EPROTO;
    LOG_ERROR("upgrade_failed", LOG_STR("program", program), LOG_ERRNO(r));
}

/* ---- arriving ---- */

static int resume_child(struct keeper *k, struct codec *x)
{
    char id[EXECUTION_ID_MAX + 1] = "";
    const char *dir = NULL;
    uint64_t kill_ms = 0;

    codec_chars(x, id, sizeof(id));
    codec_str(x, &dir);
    if (x->is_bad || !dir)
        return -EBADMSG;
    struct child *c = child_new(k, id, dir);
    walk_child(x, c, &kill_ms);
    if (x->is_bad)
        return -EBADMSG;
    child_continue(c, kill_ms);
    return 0;
}

int reexec_resume(struct keeper *k, int state_fd)
{
    CLEANUP(fd_closep) int owned_fd = state_fd;
    CLEANUP(free_p) char *state = NULL;
    char path[32];
    size_t len;
    uint32_t version = 0, n = 0;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", owned_fd);
    int r = file_read(path, STATE_MAX, &state, &len);
    if (r < 0)
        return r;
    struct codec x = codec_reader(state, len);
    codec_u32(&x, &version);
    if (version != REEXEC_VERSION)
        return -EPROTO;
    walk_keeper(&x, k, &n);
    for (uint32_t i = 0; i < n && r == 0; i++)
        r = resume_child(k, &x);
    if (r == 0)
        walk_dying(&x, k);
    if (r == 0)
        r = codec_finish(&x);
    if (r < 0)
        return r;
    set_all_kept(k, false);
    LOG_INFO("upgraded", LOG_U64("running", k->n_children));
    return 0;
}
