#include "tests/unit/keeper_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "exec/keeper/proc.h"
#include "state/base/clock.h"
#include "state/base/fd.h"
#include "state/base/id.h"
#include "state/base/utf8.h"
#include "state/journal.h"
#include "tests/unit/temp_dir.h"

/* ---- what the client says ---- */

struct seen *fixture_find(struct fixture *f, const char *id)
{
    for (size_t i = 0; i < f->n_seen; i++)
        if (strcmp(f->seen[i]->id, id) == 0)
            return f->seen[i];
    fail_msg("news of %s, which was not started", id);
    return NULL;
}

static void on_ready(void *arg, const struct keeper_host *host)
{
    struct fixture *f = arg;
    f->n_ready++;
}

static void on_running(void *arg, const char *id, const struct keeper_running *r)
{
    struct seen *s = fixture_find(arg, id);
    s->n_running++;
    s->totals = *r;
    s->has_waited = s->has_waited || waiting_is_for_input(r->waiting);
}

static void on_started(void *arg, const char *id, pid_t pid, uint64_t started_us)
{
    struct seen *s = fixture_find(arg, id);
    s->n_started++;
    s->pid = pid;
}

static void on_grew(void *arg, const char *id, const struct keeper_running *r)
{
    struct seen *s = fixture_find(arg, id);
    s->n_grew++;
    s->totals = *r;
    s->has_waited = s->has_waited || waiting_is_for_input(r->waiting);
}

static void on_ended(void *arg, const char *id)
{
    fixture_find(arg, id)->n_ended++;
}

static void on_listener(void *arg, const char *id, int fd)
{
    struct seen *s = fixture_find(arg, id);
    s->n_listeners++;
    fd_closep(&s->listener_fd);
    s->listener_fd = fd;
}

static void on_stdin(void *arg, uint64_t token, enum keeper_stdin_result result)
{
    struct fixture *f = arg;
    f->token = token;
    f->result = result;
}

static void on_gone(void *arg)
{
    struct fixture *f = arg;
    f->n_gone++;
}

static const struct keeper_client_events events = {
    .on_ready = on_ready,
    .on_running = on_running,
    .on_started = on_started,
    .on_grew = on_grew,
    .on_ended = on_ended,
    .on_listener = on_listener,
    .on_stdin = on_stdin,
    .on_gone = on_gone,
};

/* ---- waiting ---- */

static void on_tick(int fd, short what, void *arg)
{
}

void fixture_wait(struct fixture *f, bool (*is_done)(struct fixture *f, void *arg), void *arg,
                  const char *what)
{
    const struct timeval tick = {.tv_usec = 20 * 1000}; /* for what brings no event */
    struct event *timer = event_new(f->base, -1, EV_PERSIST, on_tick, NULL);
    uint64_t end = clock_mono_ms() + FIXTURE_WAIT_MS;

    event_add(timer, &tick);
    while (!is_done(f, arg)) {
        if (clock_mono_ms() > end)
            fail_msg("waited in vain until %s", what);
        event_base_loop(f->base, EVLOOP_ONCE);
    }
    event_free(timer);
}

static bool is_ready(struct fixture *f, void *arg)
{
    return keeper_client_is_ready(f->client);
}

void fixture_wait_ready(struct fixture *f)
{
    fixture_wait(f, is_ready, NULL, "the keeper is ready");
}

static bool has_ended(struct fixture *f, void *arg)
{
    const struct seen *s = arg;
    return s->n_ended > 0;
}

struct execution_exit fixture_wait_ended(struct fixture *f, struct seen *s)
{
    struct execution_exit e = {0};

    fixture_wait(f, has_ended, s, "the execution has ended");
    assert_int_equal(journal_read_exit(s->dir, &e), 0);
    return e;
}

struct expected_output {
    struct seen *seen;
    const char *text;
};

static bool has_output(struct fixture *f, void *arg)
{
    struct expected_output *x = arg;
    size_t len;
    CLEANUP(free_p) char *text = fixture_output(f, x->seen, JOURNAL_STDOUT, &len);
    return strstr(text, x->text);
}

void fixture_wait_output(struct fixture *f, struct seen *s, const char *text)
{
    fixture_wait(f, has_output, &(struct expected_output){s, text}, text);
}

static bool has_token(struct fixture *f, void *arg)
{
    return f->token == *(uint64_t *)arg;
}

enum keeper_stdin_result fixture_stdin(struct fixture *f, struct seen *s, const char *text,
                                       bool eof, const char *input_id)
{
    uint64_t token = f->token + 1;
    int r = keeper_client_stdin(f->client, s->id, token, text, strlen(text), eof, input_id);
    assert_int_equal(r, 0);
    fixture_wait(f, has_token, &token, "stdin is answered");
    return f->result;
}

/* ---- the keeper ---- */

const struct keeper_sandbox *fixture_sandbox;

static char *keeper_path(void)
{
    const char *build = getenv("top_builddir");
    return temp_path(build ? build : ".", "mcp-exec-keeper");
}

static void write_script(struct fixture *f, const char *lines, const char *flags)
{
    CLEANUP(free_p) char *keeper = keeper_path();
    CLEANUP(buf_deinit) struct buf b = {0};

    buf_printf(&b, "#!/bin/sh\n%sexec '%s' %s \"$@\"\n", lines, keeper, flags);
    assert_int_equal(file_replace(f->state_dir, "keeper.sh", b.data, b.len), 0);
    f->program = temp_path(f->state_dir, "keeper.sh");
    assert_int_equal(chmod(f->program, 0700), 0);
}

void fixture_attach(struct fixture *f)
{
    const struct keeper_client_options o = {
        .state_dir = f->state_dir, .keeper_path = f->program, .sandbox = fixture_sandbox};

    assert_int_equal(keeper_client_new(f->base, &o, &events, f, &f->client), 0);
    fixture_wait_ready(f);
}

void fixture_detach(struct fixture *f)
{
    f->client = keeper_client_free(f->client);
}

#define REPORT "sanitizer"

/* What a sanitizer finds in the keeper goes into files that fixture_free() looks for. */
static void set_sanitizer_log(const struct fixture *f)
{
    CLEANUP(buf_deinit) struct buf options = {0};

    buf_printf(&options, "log_path=%s/" REPORT, f->state_dir);
    assert_int_equal(setenv("ASAN_OPTIONS", options.data, 1), 0);
    assert_int_equal(setenv("UBSAN_OPTIONS", options.data, 1), 0);
}

static int is_report(const struct dirent *e)
{
    return strncmp(e->d_name, REPORT, sizeof(REPORT) - 1) == 0;
}

static void check_sanitizer_log(const struct fixture *f)
{
    struct dirent **found;
    int n = scandir(f->state_dir, &found, is_report, NULL);

    for (int i = 0; i < n; i++) {
        CLEANUP(free_p) char *path = temp_path(f->state_dir, found[i]->d_name);
        CLEANUP(free_p) char *text = NULL;
        size_t len;
        assert_int_equal(file_read(path, 1 << 20, &text, &len), 0);
        fprintf(stderr, "%s\n", text);
        free(found[i]);
    }
    free(found);
    assert_int_equal(n, 0);
}

static struct fixture *make(void)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    assert_int_equal(temp_dir_setup((void **)&f->state_dir), 0);
    set_sanitizer_log(f);
    f->base = event_base_new();
    assert_non_null(f->base);
    return f;
}

struct fixture *fixture_new(bool with_cgroup)
{
    struct fixture *f = make();

    if (with_cgroup)
        f->program = keeper_path();
    else
        write_script(f, "", "--no-cgroup");
    fixture_attach(f);
    return f;
}

struct fixture *fixture_new_after(const char *lines)
{
    struct fixture *f = make();

    write_script(f, lines, "");
    fixture_attach(f);
    return f;
}

int fixture_connect(const struct fixture *f)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    const struct timeval bound = {.tv_sec = FIXTURE_WAIT_MS / 1000};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    snprintf(a.sun_path, sizeof(a.sun_path), "%s/" KEEPER_SOCKET_NAME, f->state_dir);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof(bound)), 0);
    return fd;
}

pid_t fixture_keeper_pid(const struct fixture *f)
{
    struct ucred peer = {0};
    socklen_t len = sizeof(peer);
    CLEANUP(fd_closep) int fd = fixture_connect(f);

    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len), 0);
    return peer.pid;
}

/* Started by an earlier client object, it is our child that nobody else reaps. */
static bool is_keeper_gone(struct fixture *f, void *arg)
{
    pid_t pid = *(pid_t *)arg;
    return waitpid(pid, NULL, WNOHANG) == pid || kill(pid, 0) < 0;
}

void fixture_free(struct fixture *f)
{
    if (!f->client)
        fixture_attach(f);
    fixture_wait_ready(f);
    pid_t pid = fixture_keeper_pid(f);
    assert_int_equal(keeper_client_quit(f->client), 0);
    assert_int_equal(kill(pid, SIGTERM), 0);
    fixture_wait(f, is_keeper_gone, &pid, "the keeper has left");
    fixture_detach(f);
    event_base_free(f->base);
    for (size_t i = 0; i < f->n_seen; i++) {
        free(f->seen[i]->dir);
        fd_closep(&f->seen[i]->listener_fd);
        free(f->seen[i]);
    }
    check_sanitizer_log(f);
    assert_int_equal(temp_dir_teardown((void **)&f->state_dir), 0);
    free(f->program);
    free(f);
}

/* ---- executions ---- */

static char **copy_strv(const char *const *v)
{
    size_t n = 0;
    while (v[n])
        n++;
    char **ret = xcalloc(n + 1, sizeof(*ret));
    for (size_t i = 0; i < n; i++)
        ret[i] = strdup(v[i]);
    return ret;
}

struct exec_spec *fixture_spec(const char *const *argv)
{
    static const char *const environment[] = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", NULL};
    struct exec_spec *s = xcalloc(1, sizeof(*s));

    id_make("t", s->id);
    s->principal = strdup("anonymous");
    s->command = strdup(argv[0]);
    s->argv = copy_strv(argv);
    s->env = copy_strv(environment);
    s->cwd = strdup("/");
    s->limits.kill_grace_ms = 3000;
    return s;
}

struct exec_spec *fixture_script(const char *script)
{
    return fixture_spec((const char *const[]){"/bin/sh", "-c", script, NULL});
}

struct seen *fixture_spawn(struct fixture *f, struct exec_spec *spec)
{
    struct seen *s = xcalloc(1, sizeof(*s));
    s->listener_fd = -1;

    assert_true(f->n_seen < FIXTURE_EXECUTIONS_MAX);
    f->seen[f->n_seen++] = s;
    s->dir = journal_dir(f->state_dir, spec->id);
    memcpy(s->id, spec->id, sizeof(s->id));
    assert_int_equal(dir_make(s->dir), 0);
    assert_int_equal(keeper_client_spawn(f->client, spec, s->dir), 0);
    exec_spec_free(spec);
    return s;
}

static void check_record(const struct journal_record *r, const char *bytes)
{
    bool is_line = r->length > 0 && bytes[r->length - 1] == '\n';

    assert_true(r->length <= JOURNAL_RECORD_MAX);
    if (r->flags & JOURNAL_PARTIAL)
        assert_false(is_line);
    if (utf8_incomplete_tail(bytes, r->length) != 0)
        assert_false(r->flags & JOURNAL_PARTIAL);
}

static void each_record(struct fixture *f, struct seen *s,
                        void (*fn)(const struct journal_record *r, struct journal *j, void *arg),
                        void *arg)
{
    CLEANUP(journal_closep) struct journal *j = NULL;
    struct journal_record r;
    size_t n;
    uint64_t offset = 0;

    int error = journal_open(f->state_dir, s->id, &j);
    if (error == -ENOENT)
        return; /* not started yet */
    assert_int_equal(error, 0);
    assert_int_equal(journal_refresh(j), 0);
    for (uint64_t i = 0; i < journal_events(j); i++) {
        assert_int_equal(journal_records(j, i, &r, 1, &n), 0);
        assert_int_equal(n, 1);
        assert_int_equal(r.offset, offset);
        offset += r.length;
        fn(&r, j, arg);
    }
}

struct collect {
    int stream;
    struct buf text;
};

static void on_record(const struct journal_record *r, struct journal *j, void *arg)
{
    struct collect *c = arg;
    if (r->type != c->stream)
        return;
    buf_reserve(&c->text, r->length);
    char *at = c->text.data + c->text.len;
    assert_int_equal(journal_read(j, r->offset, at, r->length), 0);
    check_record(r, at);
    c->text.len += r->length;
    at[r->length] = '\0';
}

char *fixture_output(struct fixture *f, struct seen *s, int stream, size_t *ret_len)
{
    struct collect c = {.stream = stream};

    each_record(f, s, on_record, &c);
    *ret_len = c.text.len;
    return buf_steal(&c.text);
}

struct count {
    int type;
    unsigned n;
};

static void on_counted(const struct journal_record *r, struct journal *j, void *arg)
{
    struct count *c = arg;
    if (r->type == c->type)
        c->n++;
}

unsigned fixture_count(struct fixture *f, struct seen *s, int type)
{
    struct count c = {.type = type};
    each_record(f, s, on_counted, &c);
    return c.n;
}

struct marked {
    const char *id;
    unsigned n;
};

static void on_process(pid_t pid, void *arg)
{
    struct marked *m = arg;
    CLEANUP(free_p) char *id = NULL;
    if (proc_read_mark(pid, &id) && id && strcmp(id, m->id) == 0)
        m->n++;
}

unsigned fixture_processes(const struct seen *s)
{
    struct marked m = {.id = s->id};
    assert_int_equal(proc_each(on_process, &m), 0);
    return m.n;
}

struct expected_processes {
    const struct seen *seen;
    unsigned n;
};

static bool has_processes(struct fixture *f, void *arg)
{
    const struct expected_processes *x = arg;
    return fixture_processes(x->seen) == x->n;
}

void fixture_wait_processes(struct fixture *f, const struct seen *s, unsigned n)
{
    fixture_wait(f, has_processes, &(struct expected_processes){s, n}, "the processes are there");
}
