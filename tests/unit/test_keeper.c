/* Executions through keeper_client and a real keeper: how they run and how they end. Each test is
 * run with a cgroup for each execution, and without any. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "state/base/clock.h"
#include "state/journal_format.h"
#include "tests/unit/keeper_fixture.h"

static int set_up_with_cgroup(void **state)
{
    *state = fixture_new(true);
    return 0;
}

static int set_up_without_cgroup(void **state)
{
    *state = fixture_new(false);
    return 0;
}

static int tear_down(void **state)
{
    fixture_free(*state);
    return 0;
}

static void assert_output(struct fixture *f, struct seen *s, int stream, const char *expected)
{
    size_t len;
    CLEANUP(free_p) char *text = fixture_output(f, s, stream, &len);
    assert_string_equal(text, expected);
}

/* ---- the plain way ---- */

static void tells_exit_code_and_output(void **state)
{
    struct fixture *f = *state;
    struct seen *s = fixture_spawn(f, fixture_script("echo out; echo err >&2; exit 7"));
    struct execution_exit e = fixture_wait_ended(f, s);

    assert_int_equal(s->n_started, 1);
    assert_int_equal(s->n_ended, 1);
    assert_int_equal(e.reason, REASON_EXITED);
    assert_int_equal(e.exit_code, 7);
    assert_int_equal(e.term_signal, 0);
    assert_int_equal(e.output_bytes, 8);
    assert_int_equal(e.stdout_bytes, 4);
    assert_int_equal(e.stderr_bytes, 4);
    assert_int_equal(e.events, 4); /* ready, two lines, exit */
    assert_true(e.max_rss_bytes > 0);
    assert_true(e.ended_us >= e.started_us);
    assert_output(f, s, JOURNAL_STDOUT, "out\n");
    assert_output(f, s, JOURNAL_STDERR, "err\n");
    assert_int_equal(fixture_count(f, s, JOURNAL_READY), 1);
    assert_int_equal(fixture_count(f, s, JOURNAL_EXIT), 1);
}

static void tells_the_signal_that_ended_it(void **state)
{
    struct fixture *f = *state;
    struct seen *s = fixture_spawn(f, fixture_script("kill -USR1 $$"));
    struct execution_exit e = fixture_wait_ended(f, s);

    assert_int_equal(e.reason, REASON_SIGNALED);
    assert_int_equal(e.exit_code, -SIGUSR1);
    assert_int_equal(e.term_signal, SIGUSR1);
}

static void gives_the_command_a_clean_start(void **state)
{
    struct fixture *f = *state;
    /* Nothing blocked or ignored (but 32 and 33, which glibc keeps for itself), no descriptor of
     * ours, no environment but its own and the mark. */
    struct seen *s = fixture_spawn(
        f, fixture_script("grep -cE '^Sig(Blk|Ign):.0000000[01][08]0000000$' /proc/self/status\n"
                          "ls /proc/self/fd | wc -l\n"
                          "env | sed 's/=.*//' | sort | tr '\n' ' '; pwd"));
    fixture_wait_ended(f, s);
    /* ls has 0, 1, 2 and the directory that it reads. */
    assert_output(f, s, JOURNAL_STDOUT, "2\n4\nLC_ALL MCP_EXECUTION_ID PATH PWD /\n");
}

static void says_why_a_start_failed(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *nowhere = fixture_script("true");
    free(nowhere->cwd);
    nowhere->cwd = strdup("/nope");
    struct seen *a = fixture_spawn(f, nowhere);
    struct seen *b = fixture_spawn(f, fixture_spec((const char *const[]){"/no/such", NULL}));
    struct execution_exit e = fixture_wait_ended(f, a);

    assert_int_equal(e.reason, REASON_SPAWN_FAILED);
    assert_string_equal(e.error, "chdir /nope: No such file or directory");
    assert_int_equal(e.started_us, 0);
    e = fixture_wait_ended(f, b);
    assert_string_equal(e.error, "exec /no/such: No such file or directory");
    assert_int_equal(fixture_count(f, b, JOURNAL_READY), 0);
    assert_int_equal(fixture_count(f, b, JOURNAL_ERROR), 1);
    assert_int_equal(fixture_count(f, b, JOURNAL_EXIT), 1);
    assert_int_equal(b->n_started, 0);
}

static void keeps_a_line_of_70000_bytes(void **state)
{
    struct fixture *f = *state;
    struct seen *s =
        fixture_spawn(f, fixture_script("head -c 70000 /dev/zero | tr '\\0' x; echo; echo after"));
    struct execution_exit e = fixture_wait_ended(f, s);
    size_t len;
    CLEANUP(free_p) char *text = fixture_output(f, s, JOURNAL_STDOUT, &len);

    assert_int_equal(e.stdout_bytes, 70007);
    assert_int_equal(len, 70007);
    assert_int_equal(strspn(text, "x"), 70000);
    assert_string_equal(text + 70000, "\nafter\n");
}

static void passes_a_start_of_200_kib(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *big = xcalloc(1, 100 * 1024 + 1);
    memset(big, 'y', 100 * 1024);
    const char *const argv[] = {"/bin/sh", "-c", "echo ${#1} ${#2}", "sh", big, big, NULL};
    struct seen *s = fixture_spawn(f, fixture_spec(argv));

    fixture_wait_ended(f, s);
    assert_output(f, s, JOURNAL_STDOUT, "102400 102400\n");
}

/* ---- input ---- */

static void writes_stdin_once_for_an_input_id(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *spec = fixture_spec((const char *const[]){"/bin/cat", NULL});
    spec->interactive = true;
    struct seen *s = fixture_spawn(f, spec);

    assert_int_equal(fixture_stdin(f, s, "one\n", false, "a"), KEEPER_STDIN_OK);
    assert_int_equal(fixture_stdin(f, s, "one\n", false, "a"), KEEPER_STDIN_REPEAT);
    assert_int_equal(fixture_stdin(f, s, "two\n", true, "b"), KEEPER_STDIN_OK);
    struct execution_exit e = fixture_wait_ended(f, s);
    assert_int_equal(e.exit_code, 0);
    assert_output(f, s, JOURNAL_STDOUT, "one\ntwo\n");
    assert_int_equal(fixture_stdin(f, s, "three\n", false, NULL), KEEPER_STDIN_GONE);
}

static void refuses_stdin_after_eof_or_without_interaction(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *spec = fixture_script("cat; sleep 100");
    spec->interactive = true;
    struct seen *a = fixture_spawn(f, spec);
    struct seen *b = fixture_spawn(f, fixture_script("cat; echo empty; sleep 100"));

    assert_int_equal(fixture_stdin(f, a, "x\n", true, NULL), KEEPER_STDIN_OK);
    assert_int_equal(fixture_stdin(f, a, "y\n", false, NULL), KEEPER_STDIN_CLOSED);
    fixture_wait_output(f, b, "empty\n");
    assert_int_equal(fixture_stdin(f, b, "x\n", false, NULL), KEEPER_STDIN_CLOSED);
}

static void refuses_stdin_beyond_its_bound(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *spec = fixture_script("sleep 100");
    CLEANUP(free_p) char *chunk = xcalloc(1, KEEPER_STDIN_CHUNK_MAX + 1);
    memset(chunk, 'z', KEEPER_STDIN_CHUNK_MAX);
    spec->interactive = true;
    spec->limits.max_stdin_bytes = 100 * 1024;
    struct seen *s = fixture_spawn(f, spec);

    /* The pipe takes the first one, the queue the second; there is no room for a third. */
    assert_int_equal(fixture_stdin(f, s, chunk, false, NULL), KEEPER_STDIN_OK);
    assert_int_equal(fixture_stdin(f, s, chunk, false, NULL), KEEPER_STDIN_OK);
    assert_int_equal(fixture_stdin(f, s, chunk, false, NULL), KEEPER_STDIN_FULL);
}

static void talks_to_a_terminal(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *spec = fixture_script("tty >/dev/null && stty size; cat; echo done");
    spec->interactive = spec->pty = true;
    struct seen *s = fixture_spawn(f, spec);

    fixture_wait_output(f, s, "24 80\r\n");
    assert_int_equal(fixture_stdin(f, s, "hey", true, NULL), KEEPER_STDIN_OK);
    struct execution_exit e = fixture_wait_ended(f, s);
    assert_int_equal(e.exit_code, 0);
    assert_int_equal(e.stderr_bytes, 0);
    assert_output(f, s, JOURNAL_STDOUT, "24 80\r\nheyheydone\r\n"); /* its echo, cat's copy */
}

/* ---- ends that we decide ---- */

static void kills_after_the_timeout_what_ignores_term(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *spec = fixture_script("trap '' TERM; echo on; while :; do sleep 100; done");
    spec->limits.timeout_ms = 100;
    spec->limits.kill_grace_ms = 100;
    struct seen *s = fixture_spawn(f, spec);
    struct execution_exit e = fixture_wait_ended(f, s);

    assert_int_equal(e.reason, REASON_TIMEOUT);
    assert_int_equal(e.exit_code, -SIGKILL);
    assert_in_range(e.wall_ms, 200, 2000);
    assert_int_equal(fixture_count(f, s, JOURNAL_TIMEOUT), 1);
    assert_int_equal(fixture_processes(s), 0);
}

static void says_timeout_of_what_exits_on_term(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *spec =
        fixture_script("trap 'echo bye; exit 3' TERM; echo on; while :; do sleep 0.01; done");
    spec->limits.timeout_ms = 200;
    struct seen *s = fixture_spawn(f, spec);
    struct execution_exit e = fixture_wait_ended(f, s);

    assert_int_equal(e.reason, REASON_TIMEOUT);
    assert_int_equal(e.exit_code, 3);
    assert_output(f, s, JOURNAL_STDOUT, "on\nbye\n");
}

static void ends_what_is_idle_but_not_what_prints(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *spec =
        fixture_script("for i in 1 2 3 4; do echo $i; sleep 0.1; done; sleep 100");
    spec->limits.idle_timeout_ms = 300;
    struct seen *s = fixture_spawn(f, spec);
    struct execution_exit e = fixture_wait_ended(f, s);

    assert_int_equal(e.reason, REASON_IDLE_TIMEOUT);
    assert_in_range(e.wall_ms, 590, 3000);
    assert_output(f, s, JOURNAL_STDOUT, "1\n2\n3\n4\n");
}

static void cancels_with_term_or_at_once(void **state)
{
    struct fixture *f = *state;
    struct seen *a = fixture_spawn(f, fixture_script("echo on; sleep 100; echo no"));
    struct seen *b = fixture_spawn(f, fixture_script("trap '' TERM; echo on; sleep 100; echo no"));
    fixture_wait_output(f, a, "on\n");
    fixture_wait_output(f, b, "on\n");
    assert_int_equal(keeper_client_kill(f->client, a->id, KEEPER_KILL_LADDER, 0, REASON_CANCELLED),
                     0);
    assert_int_equal(keeper_client_kill(f->client, b->id, KEEPER_KILL_NOW, 0, REASON_CANCELLED), 0);
    struct execution_exit e = fixture_wait_ended(f, a);

    assert_int_equal(e.reason, REASON_CANCELLED);
    assert_int_equal(e.exit_code, -SIGTERM);
    e = fixture_wait_ended(f, b);
    assert_int_equal(e.reason, REASON_CANCELLED);
    assert_int_equal(e.exit_code, -SIGKILL);
    assert_int_equal(fixture_count(f, b, JOURNAL_CANCELLED), 1);
    assert_output(f, b, JOURNAL_STDOUT, "on\n");
}

static void sends_a_signal_that_is_no_end(void **state)
{
    struct fixture *f = *state;
    struct seen *s = fixture_spawn(
        f,
        fixture_script("trap 'echo got it; exit 5' USR2; echo on; while :; do sleep 0.01; done"));

    fixture_wait_output(f, s, "on\n");
    assert_int_equal(
        keeper_client_kill(f->client, s->id, KEEPER_KILL_SIGNAL, SIGUSR2, REASON_CANCELLED), 0);
    struct execution_exit e = fixture_wait_ended(f, s);
    assert_int_equal(e.reason, REASON_EXITED);
    assert_int_equal(e.exit_code, 5);
    assert_output(f, s, JOURNAL_STDOUT, "on\ngot it\n");
}

static void ends_at_the_output_limit(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *spec = fixture_script("yes 123456789");
    spec->limits.max_output_bytes = 200003;
    struct seen *s = fixture_spawn(f, spec);
    struct execution_exit e = fixture_wait_ended(f, s);

    assert_int_equal(e.reason, REASON_OUTPUT_LIMIT);
    assert_int_equal(e.output_bytes, 200003);
    assert_int_equal(fixture_count(f, s, JOURNAL_LIMIT), 1);
}

static void tells_limits_of_cpu_and_file_size(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *spec = fixture_script("while :; do :; done");
    spec->limits.max_cpu_ms = 1000;
    struct seen *a = fixture_spawn(f, spec);
    CLEANUP(buf_deinit) struct buf script = {0};
    buf_printf(&script, "exec head -c 100000 /dev/zero >%s/big", f->state_dir);
    spec = fixture_script(script.data);
    spec->limits.max_file_bytes = 5000;
    struct execution_exit e = fixture_wait_ended(f, fixture_spawn(f, spec));
    assert_int_equal(e.reason, REASON_FILE_SIZE_LIMIT);
    assert_int_equal(e.term_signal, SIGXFSZ);
    e = fixture_wait_ended(f, a);
    assert_int_equal(e.reason, REASON_CPU_LIMIT);
    assert_int_equal(fixture_count(f, a, JOURNAL_LIMIT), 1);
}

/* ---- what is left over ---- */

static void kills_and_counts_what_left_its_session(void **state)
{
    struct fixture *f = *state;
    /* Two daemons: sessions of their own, parents gone, no pipe of ours, one without the mark. */
    struct seen *s = fixture_spawn(
        f, fixture_script(
               "d=$(mktemp -d)\n"
               "(setsid sh -c \"sleep 1000 & : >$d/a; wait\" >/dev/null 2>&1 </dev/null &)\n"
               "(env -i /usr/bin/setsid /bin/sh -c \": >$d/b; exec /bin/sleep 1001\" >/dev/null "
               "2>&1 </dev/null &)\n"
               "until [ -e $d/a ] && [ -e $d/b ]; do sleep 0.01; done\n"
               "rm -r $d; echo done"));
    struct execution_exit e = fixture_wait_ended(f, s);

    assert_int_equal(e.reason, REASON_EXITED);
    assert_int_equal(e.exit_code, 0);
    assert_int_equal(e.processes_killed, 3);
    assert_int_equal(fixture_processes(s), 0);
    assert_output(f, s, JOURNAL_STDOUT, "done\n");
}

static void kills_what_hides_in_a_group_below(void **state)
{
    struct fixture *f = *state;
    /* Where it has no group of its own or may not make one, nothing hides. */
    struct seen *s = fixture_spawn(
        f,
        fixture_script("g=$(awk '/ - cgroup2 /{print $5; exit}' /proc/self/mountinfo)\n"
                       "g=$g$(sed -n 's/^0:://p' /proc/self/cgroup)/below\n"
                       "case $g in */mcp-exec-*) mkdir $g && mkdir $g/lower;; *) false;; esac &&\n"
                       "setsid sh -c \"echo \\$\\$ >$g/lower/cgroup.procs\n"
                       "sleep 1000 & echo in; wait\" </dev/null &\n"
                       "sleep 0.2; echo done"));
    struct execution_exit e = fixture_wait_ended(f, s);

    assert_int_equal(e.reason, REASON_EXITED);
    assert_int_equal(fixture_processes(s), 0);
    assert_int_equal(e.processes_killed, 2 * (fixture_count(f, s, JOURNAL_STDOUT) - 1));
}

static void does_not_wait_for_a_background_child_with_the_pipe(void **state)
{
    struct fixture *f = *state;
    struct seen *s = fixture_spawn(f, fixture_script("sleep 1000 & echo main"));
    uint64_t before = clock_mono_ms();
    struct execution_exit e = fixture_wait_ended(f, s);

    assert_in_range(clock_mono_ms() - before, 90, 3000);
    assert_int_equal(e.reason, REASON_EXITED);
    assert_int_equal(e.processes_killed, 1);
    assert_output(f, s, JOURNAL_STDOUT, "main\n");
    assert_int_equal(fixture_processes(s), 0);
}

static void leaves_others_alone(void **state)
{
    struct fixture *f = *state;
    struct seen *a = fixture_spawn(f, fixture_script("(setsid sleep 1000 &) ; echo on; read x"));
    struct seen *b =
        fixture_spawn(f, fixture_script("(setsid sleep 1000 &) ; echo on; sleep 1000"));
    fixture_wait_ended(f, a);
    fixture_wait_output(f, b, "on\n");

    assert_int_equal(fixture_processes(a), 0);
    fixture_wait_processes(f, b, 3);
    assert_int_equal(b->n_ended, 0);
}

#define BOTH_WAYS(test)                                                       \
    {#test "_with_cgroup", test, set_up_with_cgroup, tear_down, NULL},        \
    {                                                                         \
#test "_without_cgroup", test, set_up_without_cgroup, tear_down, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH_WAYS(tells_exit_code_and_output),
        BOTH_WAYS(tells_the_signal_that_ended_it),
        BOTH_WAYS(gives_the_command_a_clean_start),
        BOTH_WAYS(says_why_a_start_failed),
        BOTH_WAYS(keeps_a_line_of_70000_bytes),
        BOTH_WAYS(passes_a_start_of_200_kib),
        BOTH_WAYS(writes_stdin_once_for_an_input_id),
        BOTH_WAYS(refuses_stdin_after_eof_or_without_interaction),
        BOTH_WAYS(refuses_stdin_beyond_its_bound),
        BOTH_WAYS(talks_to_a_terminal),
        BOTH_WAYS(kills_after_the_timeout_what_ignores_term),
        BOTH_WAYS(says_timeout_of_what_exits_on_term),
        BOTH_WAYS(ends_what_is_idle_but_not_what_prints),
        BOTH_WAYS(cancels_with_term_or_at_once),
        BOTH_WAYS(sends_a_signal_that_is_no_end),
        BOTH_WAYS(ends_at_the_output_limit),
        BOTH_WAYS(tells_limits_of_cpu_and_file_size),
        BOTH_WAYS(kills_and_counts_what_left_its_session),
        BOTH_WAYS(kills_what_hides_in_a_group_below),
        BOTH_WAYS(does_not_wait_for_a_background_child_with_the_pipe),
        BOTH_WAYS(leaves_others_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
