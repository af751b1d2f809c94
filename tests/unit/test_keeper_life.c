/* The keeper itself: servers that come and go, upgrades, its own end, and what must not harm it. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "exec/keeper/packets.h"
#include "state/base/clock.h"
#include "state/base/fd.h"
#include "state/journal.h"
#include "tests/unit/keeper_fixture.h"
#include "tests/unit/temp_dir.h"

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

/* A disk that takes 100 KiB for each file: ulimit counts blocks of 512 bytes. */
static int set_up_small_files(void **state)
{
    *state = fixture_new_after("ulimit -f 200\n");
    return 0;
}

static int tear_down(void **state)
{
    fixture_free(*state);
    return 0;
}

static struct seen *spawn_interactive(struct fixture *f, const char *script)
{
    struct exec_spec *spec = fixture_script(script);
    spec->interactive = true;
    return fixture_spawn(f, spec);
}

static bool has_gone_and_come(struct fixture *f, void *arg)
{
    return f->n_gone == *(unsigned *)arg && keeper_client_is_ready(f->client);
}

/* Until the client was hung up on `times` times, and has a keeper again. */
static void wait_back(struct fixture *f, unsigned times)
{
    fixture_wait(f, has_gone_and_come, &times, "the keeper went and another one came");
}

static bool has_exit_record(struct fixture *f, void *arg)
{
    return fixture_count(f, arg, JOURNAL_EXIT) == 1;
}

static bool was_told_ended(struct fixture *f, void *arg)
{
    const struct seen *s = arg;
    return s->n_ended > 0;
}

/* ---- servers come and go ---- */

static void goes_on_while_no_server_is_there(void **state)
{
    struct fixture *f = *state;
    struct seen *a = fixture_spawn(f, fixture_script("sleep 0.1; echo one; exit 9"));
    struct seen *b = spawn_interactive(f, "echo on; read x; echo $x; exit 4");
    struct execution_exit e;

    fixture_wait_output(f, b, "on\n");
    fixture_detach(f);
    fixture_wait(f, has_exit_record, a, "the first one ended");
    fixture_attach(f);
    assert_int_equal(a->n_running, 0);
    assert_int_equal(journal_read_exit(a->dir, &e), 0);
    assert_int_equal(e.exit_code, 9);
    assert_int_equal(b->n_running, 1);
    assert_int_equal(b->totals.pid, b->pid);
    assert_int_equal(fixture_stdin(f, b, "two\n", false, NULL), KEEPER_STDIN_OK);
    e = fixture_wait_ended(f, b);
    assert_int_equal(e.exit_code, 4);
    assert_int_equal(e.stdout_bytes, 7);
}

static bool has_begun(struct fixture *f, void *arg)
{
    return fixture_count(f, arg, JOURNAL_READY) == 1;
}

/* A server that asks and goes without reading the answers: all that it asked for is done. */
static void does_what_a_server_asked_that_has_gone(void **state)
{
    struct fixture *f = *state;
    struct seen *s[20];

    for (int i = 0; i < 20; i++)
        s[i] = fixture_spawn(f, fixture_script("echo x"));
    fixture_detach(f);
    for (int i = 0; i < 20; i++)
        fixture_wait(f, has_begun, s[i], "it was started");
}

static void tells_two_servers(void **state)
{
    struct fixture *f = *state;
    struct keeper_client *first = f->client;
    fixture_attach(f);
    struct seen *s = fixture_spawn(f, fixture_script("echo x"));

    while (s->n_ended < 2)
        event_base_loop(f->base, EVLOOP_ONCE);
    assert_int_equal(s->n_started, 2);
    keeper_client_free(first);
}

static void runs_fifty_at_once(void **state)
{
    struct fixture *f = *state;
    struct seen *s[50];

    for (int i = 0; i < 50; i++) {
        char script[128], expected[16];
        snprintf(script, sizeof(script), "echo %d; (setsid sleep 1000 &); read x; exit %d", i, i);
        s[i] = spawn_interactive(f, script);
        snprintf(expected, sizeof(expected), "%d\n", i);
        fixture_wait_output(f, s[i], expected);
    }
    for (int i = 0; i < 50; i++)
        assert_int_equal(fixture_stdin(f, s[i], "x\n", false, NULL), KEEPER_STDIN_OK);
    for (int i = 0; i < 50; i++) {
        struct execution_exit e = fixture_wait_ended(f, s[i]);
        assert_int_equal(e.exit_code, i);
        assert_int_equal(e.processes_killed, 1);
        assert_int_equal(fixture_processes(s[i]), 0);
    }
}

static void starts_nothing_twice(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *again = fixture_script("echo ran; read x");
    struct exec_spec *spec = fixture_script("echo ran");
    memcpy(spec->id, again->id, sizeof(spec->id));
    struct seen *s = fixture_spawn(f, spec);

    fixture_wait_ended(f, s);
    s->n_ended = 0;
    assert_int_equal(keeper_client_spawn(f->client, again, s->dir), 0);
    fixture_wait_ended(f, s);
    assert_int_equal(fixture_count(f, s, JOURNAL_READY), 1);
    assert_int_equal(s->n_started, 1);
    exec_spec_free(again);
}

/* ---- the keeper dies ---- */

static void leaves_nothing_when_killed(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *again = fixture_script("echo again");
    struct exec_spec *spec = fixture_script("(setsid sleep 1000 >/dev/null &); trap '' HUP TERM\n"
                                            "sleep 1000 & echo on; wait");
    memcpy(again->id, spec->id, sizeof(spec->id));
    struct seen *s = fixture_spawn(f, spec);
    fixture_wait_output(f, s, "on\n");
    fixture_wait_processes(f, s, 3);
    uint64_t before = clock_mono_ms();

    assert_int_equal(kill(fixture_keeper_pid(f), SIGKILL), 0);
    wait_back(f, 1);
    print_message("a new keeper after %d ms\n", (int)(clock_mono_ms() - before));
    assert_int_equal(fixture_processes(s), 0);
    assert_int_equal(s->n_running, 0);
    /* What ran under the old one is not started again, whoever asks for it. */
    assert_int_equal(keeper_client_spawn(f->client, again, s->dir), 0);
    struct execution_exit e = fixture_wait_ended(f, s);
    assert_int_equal(e.reason, REASON_LOST);
    assert_int_equal(e.events, 2);
    assert_int_equal(e.output_bytes, 3);
    exec_spec_free(again);
}

static void ends_what_runs_on_term(void **state)
{
    struct fixture *f = *state;
    struct seen *a = fixture_spawn(f, fixture_script("echo on; sleep 1000"));
    struct exec_spec *stubborn = fixture_script("trap '' TERM; echo on; sleep 1000 & wait; wait");
    stubborn->limits.kill_grace_ms = 100;
    struct seen *b = fixture_spawn(f, stubborn);
    fixture_wait_output(f, a, "on\n");
    fixture_wait_output(f, b, "on\n");

    assert_int_equal(kill(fixture_keeper_pid(f), SIGTERM), 0);
    struct execution_exit e = fixture_wait_ended(f, a);
    assert_int_equal(e.reason, REASON_SHUTDOWN);
    e = fixture_wait_ended(f, b);
    assert_int_equal(e.reason, REASON_SHUTDOWN);
    assert_int_equal(e.exit_code, -SIGKILL);
    wait_back(f, 1);
}

static bool is_gone(struct fixture *f, void *arg)
{
    return f->n_gone > 0;
}

static void leaves_when_asked_once_nothing_runs(void **state)
{
    struct fixture *f = *state;
    struct seen *s = spawn_interactive(f, "echo on; read x");
    fixture_wait_output(f, s, "on\n");

    assert_int_equal(keeper_client_quit(f->client), 0);
    assert_int_equal(fixture_stdin(f, s, "x\n", false, NULL), KEEPER_STDIN_OK);
    fixture_wait_ended(f, s);
    fixture_wait(f, is_gone, NULL, "the keeper left");
    fixture_detach(f);
}

static void a_second_one_leaves(void **state)
{
    struct fixture *f = *state;
    char *argv[] = {f->program, (char *)"--state-dir", f->state_dir, NULL};
    int status = -1;
    pid_t pid;

    assert_int_equal(posix_spawn(&pid, f->program, NULL, NULL, argv, environ), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(f->n_gone, 0);
    fixture_wait_ended(f, fixture_spawn(f, fixture_script("true")));
}

/* ---- upgrades ---- */

static void upgrades_under_a_running_command(void **state)
{
    struct fixture *f = *state;
    CLEANUP(buf_deinit) struct buf expected = {0};
    struct seen *s =
        spawn_interactive(f, "i=0; while [ $i -lt 6000 ]; do echo line $i; i=$((i+1)); done\n"
                             "printf 'a prompt: '; read x; echo $x; read x; echo $x >&2; exit 23");
    pid_t keeper = fixture_keeper_pid(f);
    size_t len;

    for (int i = 0; i < 6000; i++)
        buf_printf(&expected, "line %d\n", i);
    buf_append_str(&expected, "a prompt: one\n");
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(keeper_client_upgrade(f->client), 0);
        wait_back(f, i);
        assert_int_equal(s->n_running, i);
    }
    fixture_wait_output(f, s, "line 5999\na prompt: ");
    assert_int_equal(fixture_stdin(f, s, "one\n", false, "id"), KEEPER_STDIN_OK);
    assert_int_equal(keeper_client_upgrade(f->client), 0);
    wait_back(f, 4);
    assert_int_equal(fixture_stdin(f, s, "one\n", false, "id"), KEEPER_STDIN_REPEAT);
    assert_int_equal(fixture_stdin(f, s, "two\n", true, NULL), KEEPER_STDIN_OK);
    struct execution_exit e = fixture_wait_ended(f, s);
    CLEANUP(free_p) char *text = fixture_output(f, s, JOURNAL_STDOUT, &len);
    assert_int_equal(e.reason, REASON_EXITED);
    assert_int_equal(e.exit_code, 23);
    assert_int_equal(e.stderr_bytes, 4);
    assert_int_equal(len, expected.len);
    assert_memory_equal(text, expected.data, len);
    assert_int_equal(fixture_keeper_pid(f), keeper);
    assert_int_equal(fixture_processes(s), 0);
}

static void keeps_deadlines_terminals_and_queues_over_an_upgrade(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *chunk = xcalloc(1, KEEPER_STDIN_CHUNK_MAX + 1);
    memset(chunk, 'q', KEEPER_STDIN_CHUNK_MAX);
    struct exec_spec *spec = fixture_script("trap '' TERM; echo on; while :; do sleep 100; done");
    spec->limits.timeout_ms = 700;
    spec->limits.kill_grace_ms = 100;
    struct seen *late = fixture_spawn(f, spec);
    spec = fixture_script("stty -echo; echo on; cat; exit 6");
    spec->interactive = spec->pty = true;
    struct seen *terminal = fixture_spawn(f, spec);
    struct seen *queue = spawn_interactive(f, "trap 'cat | wc -c; exit' USR1; echo on\n"
                                              "while :; do sleep 0.01; done");

    fixture_wait_output(f, terminal, "on\r\n");
    fixture_wait_output(f, queue, "on\n");
    for (int i = 0; i < 3; i++)
        assert_int_equal(fixture_stdin(f, queue, chunk, i == 2, NULL), KEEPER_STDIN_OK);
    assert_int_equal(keeper_client_upgrade(f->client), 0);
    wait_back(f, 1);
    assert_int_equal(fixture_stdin(f, terminal, "typed\n", true, NULL), KEEPER_STDIN_OK);
    struct execution_exit e = fixture_wait_ended(f, terminal);
    assert_int_equal(e.exit_code, 6);
    fixture_wait_output(f, terminal, "on\r\ntyped\r\n");
    assert_int_equal(
        keeper_client_kill(f->client, queue->id, KEEPER_KILL_SIGNAL, SIGUSR1, REASON_CANCELLED), 0);
    fixture_wait_ended(f, queue);
    fixture_wait_output(f, queue, "on\n196608\n");
    e = fixture_wait_ended(f, late);
    assert_int_equal(e.reason, REASON_TIMEOUT);
    assert_in_range(e.wall_ms, 800, 3000);
}

/* ---- what must not harm it ---- */

static void say(int fd, const struct keeper_message *m)
{
    struct packets p;
    packets_init(&p, 0);
    assert_int_equal(packets_send(&p, fd, m), 0);
}

static void say_hello(int fd, uint32_t min, uint32_t max)
{
    say(fd, &(struct keeper_message){.type = KEEPER_HELLO, .hello = {min, max, "test"}});
}

/* The next message; 0: hung up. */
static enum keeper_message_type hear(int fd, struct keeper_message *ret)
{
    static char space[KEEPER_MESSAGE_MAX];
    ssize_t n = recv(fd, space, sizeof(space), 0);

    /* It hung up with requests of ours unread: told once, before what it said until then. */
    if (n < 0 && errno == ECONNRESET)
        n = recv(fd, space, sizeof(space), 0);
    if (n <= 0)
        return 0;
    assert_int_equal(keeper_message_decode(space, (size_t)n, ret), 0);
    return ret->type;
}

/* It was killed as soon as it had sent that, and before it read the answers to what it said. */
static void cancels_for_a_server_that_was_killed(void **state)
{
    struct fixture *f = *state;
    struct keeper_message m = {.type = KEEPER_KILL,
                               .kill = {.mode = KEEPER_KILL_NOW, .reason = REASON_CANCELLED}};

    for (int i = 0; i < 20; i++) {
        struct seen *s = spawn_interactive(f, "echo on; read x; exit 4");
        CLEANUP(fd_closep) int fd = fixture_connect(f);
        fixture_wait_output(f, s, "on\n");
        say_hello(fd, KEEPER_VERSION_MIN, KEEPER_VERSION_MAX);
        say(fd, &(struct keeper_message){.type = KEEPER_LIST});
        memcpy(m.id, s->id, sizeof(m.id));
        say(fd, &m);
        fd_closep(&fd);
        fixture_wait(f, was_told_ended, s, "it was cancelled");
        assert_int_equal(fixture_wait_ended(f, s).reason, REASON_CANCELLED);
    }
}

static void upgrades_to_nothing_that_can_not_go_on(void **state)
{
    struct fixture *f = *state;
    struct seen *s = spawn_interactive(f, "echo on; read x; exit 3");
    CLEANUP(fd_closep) int fd = fixture_connect(f);
    struct keeper_message m;

    fixture_wait_output(f, s, "on\n");
    say(fd, &(struct keeper_message){.type = KEEPER_UPGRADE, .text = "/no/such"});
    say(fd, &(struct keeper_message){.type = KEEPER_UPGRADE, .text = "/bin/false"});
    say_hello(fd, KEEPER_VERSION_MIN, KEEPER_VERSION_MAX);
    assert_int_equal(hear(fd, &m), KEEPER_HELLO);
    assert_int_equal(fixture_stdin(f, s, "x\n", false, NULL), KEEPER_STDIN_OK);
    assert_int_equal(fixture_wait_ended(f, s).exit_code, 3);
    assert_int_equal(f->n_gone, 0);
}

static void hangs_up_on_who_talks_nonsense(void **state)
{
    static const char nonsense[] = "GET / HTTP/1.1\r\n\r\n";
    struct fixture *f = *state;
    CLEANUP(fd_closep) int a = fixture_connect(f);
    CLEANUP(fd_closep) int b = fixture_connect(f);
    struct keeper_message m;

    assert_true(send(a, nonsense, sizeof(nonsense), 0) > 0);
    assert_int_equal(hear(a, &m), KEEPER_ERROR);
    assert_int_equal(hear(a, &m), 0);
    say(b, &(struct keeper_message){.type = KEEPER_LIST}); /* before HELLO */
    assert_int_equal(hear(b, &m), KEEPER_ERROR);
    assert_int_equal(hear(b, &m), 0);
    fixture_wait_ended(f, fixture_spawn(f, fixture_script("true")));
    assert_int_equal(f->n_gone, 0);
}

static void tells_its_version_to_a_stranger(void **state)
{
    struct fixture *f = *state;
    CLEANUP(fd_closep) int fd = fixture_connect(f);
    struct keeper_message m;

    say_hello(fd, KEEPER_VERSION_MAX + 1, KEEPER_VERSION_MAX + 2);
    assert_int_equal(hear(fd, &m), KEEPER_HELLO);
    assert_int_equal(m.hello.max, KEEPER_VERSION_MAX);
    say(fd, &(struct keeper_message){.type = KEEPER_LIST});
    assert_int_equal(hear(fd, &m), KEEPER_ERROR);
}

static void has_room_for_four(void **state)
{
    struct fixture *f = *state;
    int fds[5];
    struct keeper_message m;

    /* With the client of the fixture the fourth of these is the fifth. */
    for (int i = 0; i < 4; i++) {
        fds[i] = fixture_connect(f);
        if (i < 3) {
            say_hello(fds[i], KEEPER_VERSION_MIN, KEEPER_VERSION_MAX);
            assert_int_equal(hear(fds[i], &m), KEEPER_HELLO);
        }
    }
    assert_int_equal(hear(fds[3], &m), 0);
    (void)close(fds[0]);
    fixture_wait_ended(f, fixture_spawn(f, fixture_script("true")));
    fds[4] = fixture_connect(f);
    say_hello(fds[4], KEEPER_VERSION_MIN, KEEPER_VERSION_MAX);
    assert_int_equal(hear(fds[4], &m), KEEPER_HELLO);
    for (int i = 1; i < 5; i++)
        (void)close(fds[i]);
}

static void does_not_wait_for_who_never_reads(void **state)
{
    struct fixture *f = *state;
    CLEANUP(fd_closep) int fd = fixture_connect(f);
    struct keeper_message m;
    CLEANUP(buf_deinit) struct buf list = {0};
    unsigned heard = 0;

    for (int i = 0; i < 20; i++)
        spawn_interactive(f, "read x");
    say_hello(fd, KEEPER_VERSION_MIN, KEEPER_VERSION_MAX);
    assert_int_equal(keeper_message_encode(&(struct keeper_message){.type = KEEPER_LIST}, &list),
                     0);
    /* Each answer has 2 KiB: some 1.5 MiB fit into the socket and the queue. */
    for (int i = 0; i < 2000; i++)
        if (send(fd, list.data, list.len, MSG_NOSIGNAL) < 0)
            break;
    fixture_wait_ended(f, fixture_spawn(f, fixture_script("true")));
    while (hear(fd, &m))
        heard++;
    assert_in_range(heard, 21, 2000 * 21 - 1);
    assert_int_equal(f->n_gone, 0);
}

/* ---- a disk that takes no more ---- */

static void says_that_the_journal_could_not_be_written(void **state)
{
    struct fixture *f = *state;
    struct seen *s = fixture_spawn(f, fixture_script("yes 0123456789"));
    struct execution_exit e = fixture_wait_ended(f, s);

    assert_int_equal(e.reason, REASON_OUTPUT_LIMIT);
    assert_string_equal(e.error, "journal: File too large");
    assert_in_range(e.output_bytes, 1, 100 * 1024);
    assert_int_equal(fixture_count(f, s, JOURNAL_LIMIT), 1);
    assert_int_equal(fixture_count(f, s, JOURNAL_EXIT), 1);
}

static void tries_again_until_the_end_is_written(void **state)
{
    struct fixture *f = *state;
    struct seen *s = spawn_interactive(f, "echo on; read x; exit 8");
    CLEANUP(free_p) char *blocker = temp_path(s->dir, "exit");
    CLEANUP(free_p) char *inside = temp_path(blocker, "x");

    fixture_wait_output(f, s, "on\n");
    /* No file can take the place of a directory that is not empty. */
    assert_int_equal(mkdir(blocker, 0700), 0);
    assert_int_equal(mkdir(inside, 0700), 0);
    assert_int_equal(fixture_stdin(f, s, "x\n", false, NULL), KEEPER_STDIN_OK);
    fixture_wait(f, has_exit_record, s, "the last record is written");
    assert_int_equal(s->n_ended, 0);
    assert_int_equal(keeper_client_upgrade(f->client), 0);
    wait_back(f, 1);
    assert_int_equal(s->n_running, 1); /* it still has it */
    assert_int_equal(rmdir(inside), 0);
    assert_int_equal(rmdir(blocker), 0);
    assert_int_equal(fixture_wait_ended(f, s).exit_code, 8);
    assert_int_equal(fixture_count(f, s, JOURNAL_EXIT), 1);
}

static void gives_up_a_journal_that_was_removed(void **state)
{
    struct fixture *f = *state;
    struct seen *s = spawn_interactive(f, "echo on; read x");

    fixture_wait_output(f, s, "on\n");
    assert_int_equal(dir_remove(s->dir), 0);
    assert_int_equal(fixture_stdin(f, s, "x\n", false, NULL), KEEPER_STDIN_OK);
    fixture_wait(f, was_told_ended, s, "the end is told");
}

#define WITH_CGROUP(test)                                               \
    {                                                                   \
#test "_with_cgroup", test, set_up_with_cgroup, tear_down, NULL \
    }
#define WITHOUT_CGROUP(test)                                                  \
    {                                                                         \
#test "_without_cgroup", test, set_up_without_cgroup, tear_down, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CGROUP(goes_on_while_no_server_is_there),
        WITH_CGROUP(does_what_a_server_asked_that_has_gone),
        WITH_CGROUP(cancels_for_a_server_that_was_killed),
        WITH_CGROUP(tells_two_servers),
        WITH_CGROUP(runs_fifty_at_once),
        WITHOUT_CGROUP(runs_fifty_at_once),
        WITH_CGROUP(starts_nothing_twice),
        WITH_CGROUP(leaves_nothing_when_killed),
        WITHOUT_CGROUP(leaves_nothing_when_killed),
        WITH_CGROUP(ends_what_runs_on_term),
        WITHOUT_CGROUP(ends_what_runs_on_term),
        WITH_CGROUP(leaves_when_asked_once_nothing_runs),
        WITH_CGROUP(a_second_one_leaves),
        WITH_CGROUP(upgrades_under_a_running_command),
        WITHOUT_CGROUP(upgrades_under_a_running_command),
        WITH_CGROUP(keeps_deadlines_terminals_and_queues_over_an_upgrade),
        WITHOUT_CGROUP(keeps_deadlines_terminals_and_queues_over_an_upgrade),
        WITH_CGROUP(upgrades_to_nothing_that_can_not_go_on),
        WITH_CGROUP(hangs_up_on_who_talks_nonsense),
        WITH_CGROUP(tells_its_version_to_a_stranger),
        WITH_CGROUP(has_room_for_four),
        WITH_CGROUP(does_not_wait_for_who_never_reads),
        cmocka_unit_test_setup_teardown(says_that_the_journal_could_not_be_written,
                                        set_up_small_files, tear_down),
        WITH_CGROUP(tries_again_until_the_end_is_written),
        WITH_CGROUP(gives_up_a_journal_that_was_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
