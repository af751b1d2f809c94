/* Commands in sandboxes, seen from the keeper's socket: how they begin and end, what an upgrade
 * leaves alone, who gets a prepared one. With the real bwrap and mcp-exec-init. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "exec/init/init_wire.h"
#include "exec/isolation.h"
#include "state/base/clock.h"
#include "state/base/fd.h"
#include "state/journal.h"
#include "tests/unit/keeper_fixture.h"
#include "tests/unit/temp_dir.h"

#define S(text) ((char[]){text})

static struct config_profile profiles[1];
static struct config config;
static struct isolation *isolation;
static uint64_t workspace_uid;
static char *workspace;

static int set_up_isolation(void **state)
{
    static char usr[] = "/usr", bin[] = "/bin", lib[] = "/lib", lib64[] = "/lib64", etc[] = "/etc";
    static char *paths[] = {usr, bin, lib, lib64, etc, NULL};
    static char name[] = "default", nowhere[] = "/nonexistent";
    const char *build = getenv("top_builddir");
    CLEANUP(free_p) char *error = NULL;

    profiles[0] = (struct config_profile){.name = name, .tmp_bytes = 1 << 20, .uid = 1000};
    profiles[0].read_only = (struct config_strings){.v = paths, .n = 5};
    config = (struct config){
        .state_dir = nowhere,
        .sandbox_profile = name,
        .profiles = profiles,
        .n_profiles = 1,
        .sandbox_init_path = temp_path(build ? build : ".", "mcp-exec-init"),
        .sandbox_first_uid = 200000,
        .sandbox_uids = 100,
        .sandbox_pool = 3,
        .sandbox_pool_idle_ms = 60000,
    };
    if (isolation_new(&config, &isolation, &error) < 0)
        fail_msg("%s", error);
    fixture_sandbox = isolation_common(isolation);
    return 0;
}

static int tear_down_isolation(void **state)
{
    isolation = isolation_free(isolation);
    free(config.sandbox_init_path);
    return 0;
}

static int set_up_here(void **state, bool with_cgroup)
{
    struct fixture *f = fixture_new(with_cgroup);
    *state = f;
    workspace = temp_path(f->state_dir, "workspaces/w");
    return isolation_make_workspace(isolation, workspace, &workspace_uid);
}

static int set_up(void **state)
{
    return set_up_here(state, true);
}

static int set_up_without_cgroup(void **state)
{
    return set_up_here(state, false);
}

static int tear_down(void **state)
{
    fixture_free(*state);
    free(TAKE_PTR(workspace));
    return 0;
}

static struct exec_spec *sandboxed(const char *script)
{
    struct exec_spec *s = fixture_script(script);
    s->sandbox = isolation_make(isolation, workspace, workspace_uid, NULL);
    free(s->cwd);
    s->cwd = xstrdup(SANDBOX_WORKSPACE);
    return s;
}

static struct execution_exit run(struct fixture *f, const char *script)
{
    return fixture_wait_ended(f, fixture_spawn(f, sandboxed(script)));
}

static bool has_come_back(struct fixture *f, void *arg)
{
    return f->n_gone == *(unsigned *)arg && f->n_ready == f->n_gone + 1;
}

static void upgrade(struct fixture *f, unsigned times)
{
    assert_int_equal(keeper_client_upgrade(f->client), 0);
    fixture_wait(f, has_come_back, &times, "the keeper has become another one");
}

/* ---- ends ---- */

static void an_end_is_told_as_it_was(void **state)
{
    struct fixture *f = *state;
    struct execution_exit e = run(f, "exit 137");
    assert_int_equal(e.reason, REASON_EXITED);
    assert_int_equal(e.exit_code, 137);
    assert_int_equal(e.term_signal, 0);
    e = run(f, "kill -9 $$");
    assert_int_equal(e.reason, REASON_SIGNALED);
    assert_int_equal(e.term_signal, SIGKILL);
    assert_int_equal(e.processes_killed, 0);
    e = run(f, "kill -SEGV $$");
    assert_int_equal(e.term_signal, SIGSEGV);
}

static void output_just_before_the_end_is_there(void **state)
{
    struct fixture *f = *state;
    struct seen *s =
        fixture_spawn(f, sandboxed("head -c 3000000 /dev/zero | tr '\\0' x; echo; echo err >&2"));
    struct execution_exit e = fixture_wait_ended(f, s);
    assert_int_equal(e.stdout_bytes, 3000001);
    assert_int_equal(e.stderr_bytes, 4);
}

static void what_is_left_behind_is_counted_and_ended(void **state)
{
    struct fixture *f = *state;
    struct execution_exit e = run(
        f, "setsid sleep 1000 & (sleep 1000 &) ; sh -c 'trap \"\" TERM; sleep 1000' & sleep 0.2");
    assert_int_equal(e.reason, REASON_EXITED);
    assert_in_range(e.processes_killed, 3, 4);
}

static void a_start_that_fails_says_why(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *s = sandboxed("true");
    free(s->cwd);
    s->cwd = xstrdup("/nowhere");
    struct execution_exit e = fixture_wait_ended(f, fixture_spawn(f, s));
    assert_int_equal(e.reason, REASON_SPAWN_FAILED);
    assert_string_equal(e.error, "chdir /nowhere: No such file or directory");
    s = sandboxed("true");
    free(s->argv[0]);
    s->argv[0] = xstrdup("/no/shell");
    e = fixture_wait_ended(f, fixture_spawn(f, s));
    assert_string_equal(e.error, "exec /no/shell: No such file or directory");
}

/* Nor are those that went into the background of a command without a sandbox. */
static void other_programs_called_bwrap_are_left_alone(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *s = sandboxed("true");
    char script[256];

    snprintf(script, sizeof(script),
             "cd %s; ln -s $(command -v sleep) bwrap; (setsid ./bwrap 1000 &); echo on; "
             "exec ./bwrap 1000",
             f->state_dir);
    struct seen *other = fixture_spawn(f, fixture_script(script));

    fixture_wait_output(f, other, "on\n");
    fixture_wait_processes(f, other, 2);
    free(s->sandbox->wrap[1]);
    s->sandbox->wrap[1] = xstrdup("--no-such-option");
    assert_int_equal(fixture_wait_ended(f, fixture_spawn(f, s)).reason, REASON_SPAWN_FAILED);
    assert_int_equal(fixture_processes(other), 2);
    assert_int_equal(keeper_client_kill(f->client, other->id, KEEPER_KILL_NOW, 0, REASON_CANCELLED),
                     0);
    assert_int_equal(fixture_wait_ended(f, other).reason, REASON_CANCELLED);
}

static void what_bwrap_says_of_its_failure_is_told(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *s = sandboxed("true");
    free(s->sandbox->wrap[1]);
    s->sandbox->wrap[1] = xstrdup("--no-such-option");
    struct execution_exit e = fixture_wait_ended(f, fixture_spawn(f, s));
    assert_int_equal(e.reason, REASON_SPAWN_FAILED);
    if (!strstr(e.error, "sandbox: bwrap: ") || !strstr(e.error, "--no-such-option"))
        fail_msg("%s", e.error);
}

static void what_changed_since_it_was_looked_at_is_refused(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *s = sandboxed("true");
    strv_free(s->sandbox->checks);
    s->sandbox->checks = strv_copy((char *[]){S("1:2:/workspace"), NULL});
    struct execution_exit e = fixture_wait_ended(f, fixture_spawn(f, s));
    assert_int_equal(e.reason, REASON_SPAWN_FAILED);
    assert_non_null(strstr(e.error, "sandbox_config.filesystem"));
}

static void kills_reach_all_that_is_inside(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *deaf =
        sandboxed("trap '' TERM; setsid sleep 1000 & echo up; sleep 1000; sleep 1000");
    deaf->limits.kill_grace_ms = 100;
    struct seen *s = fixture_spawn(f, deaf);
    fixture_wait_output(f, s, "up\n");
    assert_int_equal(keeper_client_kill(f->client, s->id, KEEPER_KILL_LADDER, 0, REASON_CANCELLED),
                     0);
    struct execution_exit e = fixture_wait_ended(f, s);
    assert_int_equal(e.reason, REASON_CANCELLED);
    assert_int_equal(e.term_signal, SIGKILL);
}

/* It ends by the first of two signals; init may be gone before it has read the second one. */
static void who_obeys_is_told_to_have_obeyed(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 30; i++) {
        struct seen *s = fixture_spawn(f, sandboxed("echo up; exec sleep 1000"));
        fixture_wait_output(f, s, "up\n");
        assert_int_equal(
            keeper_client_kill(f->client, s->id, KEEPER_KILL_LADDER, 0, REASON_CANCELLED), 0);
        assert_int_equal(fixture_wait_ended(f, s).term_signal, SIGTERM);
    }
}

static pid_t parent_of(pid_t pid)
{
    CLEANUP(free_p) char *text = NULL;
    char path[48];
    size_t len;

    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    assert_int_equal(file_read(path, 65536, &text, &len), 0);
    const char *found = strstr(text, "\nPPid:\t");
    assert_non_null(found);
    return (pid_t)strtol(found + 7, NULL, 10);
}

/* Its init has no time to read them, and there is room for some hundred. */
static void many_signals_do_not_end_it(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *spec = sandboxed("trap '' USR1; echo on; read x; exit 6");
    spec->interactive = true;
    struct seen *s = fixture_spawn(f, spec);

    fixture_wait_output(f, s, "on\n");
    pid_t init = parent_of(s->pid);
    assert_int_equal(kill(init, SIGSTOP), 0);
    for (int i = 0; i < 5000; i++) {
        assert_int_equal(
            keeper_client_kill(f->client, s->id, KEEPER_KILL_SIGNAL, SIGUSR1, REASON_CANCELLED), 0);
        event_base_loop(f->base, EVLOOP_NONBLOCK);
    }
    assert_int_equal(fixture_stdin(f, s, "x\n", false, NULL), KEEPER_STDIN_OK);
    assert_int_equal(kill(init, SIGCONT), 0);
    assert_int_equal(fixture_wait_ended(f, s).exit_code, 6);
}

static void one_signal_reaches_the_group(void **state)
{
    struct fixture *f = *state;
    struct seen *s = fixture_spawn(
        f, sandboxed("trap 'echo got; exit 3' USR1; echo up; while :; do sleep 0.05; done"));
    fixture_wait_output(f, s, "up\n");
    assert_int_equal(
        keeper_client_kill(f->client, s->id, KEEPER_KILL_SIGNAL, SIGUSR1, REASON_CANCELLED), 0);
    struct execution_exit e = fixture_wait_ended(f, s);
    /* Its sleep was killed by the same signal; the shell told the rest. */
    assert_int_equal(e.exit_code, 3);
    assert_int_equal(e.reason, REASON_EXITED);
}

static void one_that_is_cancelled_while_it_starts_ends(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 5; i++) {
        struct seen *s = fixture_spawn(f, sandboxed("sleep 1000"));
        assert_int_equal(keeper_client_kill(f->client, s->id, KEEPER_KILL_NOW, 0, REASON_CANCELLED),
                         0);
        struct execution_exit e = fixture_wait_ended(f, s);
        assert_int_equal(e.reason, REASON_CANCELLED);
    }
}

/* ---- upgrades, and servers that come and go ---- */

static void an_upgrade_leaves_it_alone(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *spec = sandboxed("echo on; read x; echo $x; setsid sleep 1000 & exit 23");
    spec->interactive = true;
    struct seen *s = fixture_spawn(f, spec);
    size_t len;

    fixture_wait_output(f, s, "on\n");
    for (unsigned i = 1; i <= 3; i++)
        upgrade(f, i);
    assert_int_equal(s->n_running, 3);
    assert_int_equal(fixture_stdin(f, s, "typed\n", false, NULL), KEEPER_STDIN_OK);
    struct execution_exit e = fixture_wait_ended(f, s);
    CLEANUP(free_p) char *text = fixture_output(f, s, JOURNAL_STDOUT, &len);
    assert_string_equal(text, "on\ntyped\n");
    assert_int_equal(e.exit_code, 23);
    assert_int_equal(e.processes_killed, 1);
}

static bool has_exit(struct fixture *f, void *arg)
{
    struct execution_exit e;
    return journal_read_exit(((const struct seen *)arg)->dir, &e) == 0;
}

/* It may end while no server is there to be told: then its journal says so. */
static bool has_no_children(struct fixture *f, void *arg)
{
    CLEANUP(free_p) char *path = NULL;
    CLEANUP(free_p) char *text = NULL;
    int pid = fixture_keeper_pid(f);
    size_t len;

    assert_true(asprintf(&path, "/proc/%d/task/%d/children", pid, pid) > 0);
    assert_int_equal(file_read(path, 4096, &text, &len), 0);
    return len == 0;
}

/* The sandbox is let go a moment after its end was told: also by whom the keeper has become. */
static void nothing_of_it_stays_behind_its_end(void **state)
{
    struct fixture *f = *state;

    for (unsigned upgrades = 0; upgrades < 2; upgrades++) {
        struct exec_spec *spec = sandboxed("true");
        spec->sandbox->can_pool = false;
        assert_int_equal(fixture_wait_ended(f, fixture_spawn(f, spec)).exit_code, 0);
        if (upgrades > 0)
            upgrade(f, upgrades);
        fixture_wait(f, has_no_children, NULL, "the sandbox is gone");
    }
}

static void an_upgrade_in_the_middle_of_a_start_does_too(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 1; i <= 5; i++) {
        struct seen *s = fixture_spawn(f, sandboxed("echo fine; exit 5"));
        upgrade(f, i);
        struct execution_exit e = {0};
        fixture_wait(f, has_exit, s, "it has ended");
        assert_int_equal(journal_read_exit(s->dir, &e), 0);
        assert_int_equal(e.exit_code, 5);
    }
}

static void a_terminal_has_a_name_and_lives_over_an_upgrade(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *spec = sandboxed("tty; read x; echo got $x");
    spec->interactive = spec->pty = true;
    struct seen *s = fixture_spawn(f, spec);

    assert_int_equal(fixture_stdin(f, s, "early\n", false, NULL), KEEPER_STDIN_OK);
    fixture_wait_output(f, s, "/dev/pts/0");
    fixture_wait_output(f, s, "got early");
    struct execution_exit e = fixture_wait_ended(f, s);
    assert_int_equal(e.exit_code, 0);
    spec = sandboxed("read x; echo got $x");
    spec->interactive = spec->pty = true;
    s = fixture_spawn(f, spec);
    upgrade(f, 1);
    assert_int_equal(fixture_stdin(f, s, "late\n", false, NULL), KEEPER_STDIN_OK);
    fixture_wait_output(f, s, "got late");
    assert_int_equal(fixture_wait_ended(f, s).exit_code, 0);
}

static bool has_listener(struct fixture *f, void *arg)
{
    const struct seen *s = *(struct seen **)arg;
    return s->n_listeners > 0;
}

static void expect_listener(struct fixture *f, struct seen *s)
{
    struct sockaddr_in a = {0};
    socklen_t len = sizeof(a);
    fixture_wait(f, has_listener, &s, "its listener is handed on");
    assert_int_equal(getsockname(s->listener_fd, (struct sockaddr *)&a, &len), 0);
    assert_int_equal(ntohs(a.sin_port), INIT_PROXY_PORT);
    assert_int_equal(ntohl(a.sin_addr.s_addr), INADDR_LOOPBACK);
    s->n_listeners = 0;
}

static void a_listener_is_handed_on_to_each_server(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *spec = sandboxed("read x; exit 4");
    spec->interactive = true;
    spec->sandbox->network = SPEC_NETWORK_PROXY;
    struct seen *s = fixture_spawn(f, spec);

    expect_listener(f, s);
    fixture_detach(f);
    fixture_attach(f);
    expect_listener(f, s);
    upgrade(f, f->n_gone + 1);
    expect_listener(f, s);
    assert_int_equal(fixture_stdin(f, s, "\n", false, NULL), KEEPER_STDIN_OK);
    assert_int_equal(fixture_wait_ended(f, s).exit_code, 4);
}

/* ---- prepared ones ---- */

/* When its first process began, in clock ticks since boot: proc(5). */
#define SINCE "cut -d' ' -f22 /proc/1/stat"

/* Whether the sandbox was there before the command was asked for. */
static bool was_prepared(struct fixture *f, struct exec_spec *spec)
{
    struct timespec now;
    size_t len;

    assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &now), 0);
    uint64_t per_s = (uint64_t)sysconf(_SC_CLK_TCK);
    uint64_t before = (uint64_t)now.tv_sec * per_s + (uint64_t)now.tv_nsec * per_s / 1000000000;
    struct seen *s = fixture_spawn(f, spec);
    assert_int_equal(fixture_wait_ended(f, s).exit_code, 0);
    CLEANUP(free_p) char *text = fixture_output(f, s, JOURNAL_STDOUT, &len);
    return strtoull(text, NULL, 10) < before;
}

static bool is_later(struct fixture *f, void *arg)
{
    return clock_mono_ms() > *(uint64_t *)arg;
}

/* The pool has nobody to tell when one is ready. */
static void pass_time(struct fixture *f, uint64_t ms)
{
    uint64_t until = clock_mono_ms() + ms;
    fixture_wait(f, is_later, &until, "some time has passed");
}

static void the_second_command_finds_a_prepared_one(void **state)
{
    struct fixture *f = *state;
    bool found = false;

    assert_false(was_prepared(f, sandboxed(SINCE)));
    for (int i = 0; i < 50 && !found; i++) {
        pass_time(f, 100);
        found = was_prepared(f, sandboxed(SINCE));
    }
    assert_true(found);
}

static void another_kind_of_sandbox_is_not_taken_from_there(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *other = sandboxed(SINCE);

    (void)was_prepared(f, sandboxed(SINCE));
    pass_time(f, 300);
    other->sandbox->can_pool = false;
    assert_false(was_prepared(f, other));
    other = sandboxed(SINCE);
    other->limits.max_processes = 50; /* its groups have other limits */
    assert_false(was_prepared(f, other));
}

static void a_workspace_that_was_made_again_is_another(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *old = temp_path(f->state_dir, "workspaces/old");

    (void)was_prepared(f, sandboxed(SINCE));
    pass_time(f, 300);
    assert_int_equal(rename(workspace, old), 0);
    assert_int_equal(mkdir(workspace, 0700), 0);
    if (workspace_uid)
        assert_int_equal(chown(workspace, (uid_t)workspace_uid, (gid_t)workspace_uid), 0);
    assert_false(was_prepared(f, sandboxed(SINCE)));
}

#define TEST(f)         cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define TEST_WITHOUT(f) cmocka_unit_test_setup_teardown(f, set_up_without_cgroup, tear_down)

struct newcomer {
    pthread_t thread;
    pthread_barrier_t *begin;
    const char *path;
    uint64_t uid;
    int r;
};

static void *newcomer_main(void *arg)
{
    struct newcomer *n = arg;
    (void)pthread_barrier_wait(n->begin);
    n->r = isolation_make_workspace(isolation, n->path, &n->uid);
    return NULL;
}

/* The first starts of a session come at once: its directory is made once, for one user. */
static void a_workspace_has_one_user_whoever_comes_first(void **state)
{
    struct fixture *f = *state;
    enum { TIMES = 100 };
    for (int i = 0; i < TIMES; i++) {
        struct newcomer n[4] = {{0}};
        pthread_barrier_t begin;
        CLEANUP(free_p) char *path = NULL;
        struct stat st;
        assert_true(asprintf(&path, "%s/workspaces/new%d", f->state_dir, i) > 0);
        pthread_barrier_init(&begin, NULL, ARRAY_LEN(n));
        for (size_t k = 0; k < ARRAY_LEN(n); k++) {
            n[k].begin = &begin;
            n[k].path = path;
            assert_int_equal(pthread_create(&n[k].thread, NULL, newcomer_main, &n[k]), 0);
        }
        for (size_t k = 0; k < ARRAY_LEN(n); k++)
            pthread_join(n[k].thread, NULL);
        pthread_barrier_destroy(&begin);
        assert_int_equal(stat(path, &st), 0);
        for (size_t k = 0; k < ARRAY_LEN(n); k++) {
            assert_int_equal(n[k].r, 0);
            assert_int_equal(n[k].uid, geteuid() == 0 ? st.st_uid : 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_WITHOUT(a_workspace_has_one_user_whoever_comes_first),
        TEST(an_end_is_told_as_it_was),
        TEST_WITHOUT(an_end_is_told_as_it_was),
        TEST(output_just_before_the_end_is_there),
        TEST(what_is_left_behind_is_counted_and_ended),
        TEST_WITHOUT(what_is_left_behind_is_counted_and_ended),
        TEST(a_start_that_fails_says_why),
        TEST(other_programs_called_bwrap_are_left_alone),
        TEST(what_bwrap_says_of_its_failure_is_told),
        TEST(what_changed_since_it_was_looked_at_is_refused),
        TEST(kills_reach_all_that_is_inside),
        TEST(who_obeys_is_told_to_have_obeyed),
        TEST(many_signals_do_not_end_it),
        TEST(one_signal_reaches_the_group),
        TEST(one_that_is_cancelled_while_it_starts_ends),
        TEST(an_upgrade_leaves_it_alone),
        TEST_WITHOUT(an_upgrade_leaves_it_alone),
        TEST(nothing_of_it_stays_behind_its_end),
        TEST(an_upgrade_in_the_middle_of_a_start_does_too),
        TEST(a_terminal_has_a_name_and_lives_over_an_upgrade),
        TEST(a_listener_is_handed_on_to_each_server),
        TEST(the_second_command_finds_a_prepared_one),
        TEST(another_kind_of_sandbox_is_not_taken_from_there),
        TEST(a_workspace_that_was_made_again_is_another),
    };
    return cmocka_run_group_tests(tests, set_up_isolation, tear_down_isolation);
}
