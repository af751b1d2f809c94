/* Limits that hold for a tree, by a real keeper and the kernel's own cgroups, where this machine
 * lets us make them; and what is left of them where it does not. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "exec/keeper/cgroup_file.h"
#include "exec/keeper/cgroup_host.h"
#include "state/journal.h"
#include "tests/unit/keeper_fixture.h"
#include "tests/unit/temp_dir.h"

#define MIB (1024u * 1024)

/* What this machine has, looked for as the keeper does. */
static struct cgroup_host host;

static int set_up(void **state)
{
    *state = fixture_new(true);
    return 0;
}

static int set_up_without_cgroup(void **state)
{
    *state = fixture_new(false);
    return 0;
}

/* A machine with version 1 alone: the keeper sees no hierarchy of version 2. */
static int set_up_v1(void **state)
{
    *state = fixture_new_after("if [ -z \"$INSIDE\" ]; then\n"
                               "  export INSIDE=1\n"
                               "  exec unshare -m sh \"$0\" \"$@\"\n"
                               "fi\n"
                               "umount $(awk '/ - cgroup2 /{print $5}' /proc/self/mountinfo)\n");
    return 0;
}

/* A machine that lets us look only. */
static int set_up_read_only(void **state)
{
    *state =
        fixture_new_after("if [ -z \"$INSIDE\" ]; then\n"
                          "  export INSIDE=1\n"
                          "  exec unshare -m sh \"$0\" \"$@\"\n"
                          "fi\n"
                          "for m in $(awk '/ - cgroup2? /{print $5}' /proc/self/mountinfo); do\n"
                          "  mount -o remount,bind,ro $m\n"
                          "done\n");
    return 0;
}

static int tear_down(void **state)
{
    fixture_free(*state);
    return 0;
}

/* The note of the first record of this type; the caller's. */
static char *read_note(struct fixture *f, struct seen *s, enum journal_type type)
{
    CLEANUP(journal_closep) struct journal *j = NULL;
    struct journal_record r;
    struct buf note = {0};
    size_t n;

    assert_int_equal(journal_open(f->state_dir, s->id, &j), 0);
    for (uint64_t i = 0; i < journal_events(j); i++) {
        assert_int_equal(journal_records(j, i, &r, 1, &n), 0);
        if (r.type != type)
            continue;
        assert_true(journal_read_note(s->dir, &r, &note));
        return buf_steal(&note);
    }
    fail_msg("no note");
    return NULL;
}

/* ---- memory ---- */

/* tail holds all of a line that never ends. */
#define HOG "head -c 300000000 /dev/zero | tail -c 250000000 >/dev/null"

static void tells_oom_with_limit_and_peak(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *s = fixture_script(HOG);

    s->limits.max_memory_bytes = 64 * MIB;
    struct seen *seen = fixture_spawn(f, s);
    struct execution_exit e = fixture_wait_ended(f, seen);
    assert_int_equal(e.reason, REASON_OOM);
    assert_true(e.oom_kills >= 1);
    assert_int_equal(e.max_memory_bytes, 64 * MIB);
    assert_true(e.memory_peak_bytes >= 60 * MIB && e.memory_peak_bytes <= 64 * MIB);
    assert_int_equal(fixture_count(f, seen, JOURNAL_LIMIT), 1);
}

/* Four of 15 MiB each: less than the limit for any one of them. */
static void the_memory_of_a_tree_is_one(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *s = fixture_script("for i in 1 2 3 4; do head -c 15000000 /dev/zero | tail "
                                         "-c 15000000 | sleep 600 & done; wait");

    s->limits.max_memory_bytes = 40 * MIB;
    struct execution_exit e = fixture_wait_ended(f, fixture_spawn(f, s));
    assert_int_equal(e.reason, REASON_OOM);
}

/* A command whose parts are killed for memory again and again does not go on until its timeout. */
static void a_command_that_tries_again_is_ended(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *s = fixture_script("while :; do " HOG "; done");

    s->limits.max_memory_bytes = 32 * MIB;
    struct execution_exit e = fixture_wait_ended(f, fixture_spawn(f, s));
    assert_int_equal(e.reason, REASON_OOM);
    assert_int_equal(e.term_signal, SIGKILL);
}

/* An address space is not memory: what only reserves it is not ended. */
static void reserved_memory_is_not_used_memory(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *s = fixture_script("ulimit -v; grep -c . /proc/self/status >/dev/null");

    s->limits.max_memory_bytes = 64 * MIB;
    struct seen *seen = fixture_spawn(f, s);
    struct execution_exit e = fixture_wait_ended(f, seen);
    size_t len;
    CLEANUP(free_p) char *text = fixture_output(f, seen, JOURNAL_STDOUT, &len);
    assert_int_equal(e.reason, REASON_EXITED);
    assert_string_equal(text, "unlimited\n");
    assert_true(e.memory_peak_bytes > 0 && e.memory_peak_bytes < 64 * MIB);
}

/* ---- processes ---- */

static void a_fork_bomb_is_bounded_and_ends(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *s =
        fixture_script("for i in $(seq 100); do sleep 600 & done 2>/dev/null; echo not reached");

    s->limits.max_processes = 10;
    s->limits.timeout_ms = 20000; /* in case it is not */
    struct seen *seen = fixture_spawn(f, s);
    struct execution_exit e = fixture_wait_ended(f, seen);
    assert_true(e.refused_forks >= 1);
    assert_int_equal(e.max_processes, 10);
    assert_int_equal(e.reason, REASON_EXITED);
    assert_int_equal(e.exit_code, 2); /* of a shell that can not fork */
    assert_true(e.processes_killed >= 8 && e.processes_killed < 10);
    assert_int_equal(fixture_processes(seen), 0);
    assert_int_equal(fixture_count(f, seen, JOURNAL_LIMIT_MET), 1);
    CLEANUP(free_p) char *note = read_note(f, seen, JOURNAL_LIMIT_MET);
    assert_non_null(strstr(note, "\"reason\":\"processes\""));
    assert_non_null(strstr(note, "10 processes"));
}

/* ---- notes of the server ---- */

static void keeps_notes_in_the_journal(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *spec = fixture_script("read x; echo $x");

    spec->interactive = true;
    struct seen *s = fixture_spawn(f, spec);
    for (unsigned i = 0; i < JOURNAL_NOTES_MAX + 10; i++)
        assert_int_equal(keeper_client_note(f->client, s->id, JOURNAL_VIOLATION,
                                            i == 0 ? "{\"target\":\"first\"}" : "{}"),
                         0);
    assert_int_equal(
        keeper_client_note(f->client, "t-aaaaaaaaaaaaaaaaaaaaaaaaaa", JOURNAL_VIOLATION, "{}"), 0);
    fixture_wait_processes(f, s, 1);
    assert_int_equal(fixture_stdin(f, s, "go\n", true, NULL), KEEPER_STDIN_OK);
    struct execution_exit e = fixture_wait_ended(f, s);
    assert_int_equal(e.output_bytes, 3);
    assert_int_equal(fixture_count(f, s, JOURNAL_VIOLATION), JOURNAL_NOTES_MAX);
    CLEANUP(free_p) char *note = read_note(f, s, JOURNAL_VIOLATION);
    assert_string_equal(note, "{\"target\":\"first\"}");
}

static void as_many_processes_as_allowed_are_no_event(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *s = fixture_script("sleep 0.2 & sleep 0.2 & wait");

    s->limits.max_processes = 3;
    struct execution_exit e = fixture_wait_ended(f, fixture_spawn(f, s));
    assert_int_equal(e.reason, REASON_EXITED);
    assert_int_equal(e.exit_code, 0);
    assert_int_equal(e.refused_forks, 0);
}

/* ---- CPU ---- */

/* Each short-lived process is far below the limit, which the kernel keeps for each alone. */
static void the_cpu_time_of_a_tree_is_one(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *s = fixture_script(
        "while :; do sh -c 'i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done'; done");

    s->limits.max_cpu_ms = 1500;
    struct execution_exit e = fixture_wait_ended(f, fixture_spawn(f, s));
    assert_int_equal(e.reason, REASON_CPU_LIMIT);
    assert_true(e.tree_cpu_ms >= 1500 && e.tree_cpu_ms < 8000);
}

/* ---- what stays the same everywhere ---- */

static void no_group_is_left(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *s = fixture_script("sleep 600 & true");
    CLEANUP(free_p) char *name = cgroup_base_name(f->state_dir);

    s->limits = (struct execution_limits){
        .max_memory_bytes = 64 * MIB, .max_processes = 10, .max_cpu_ms = 60000};
    struct seen *seen = fixture_spawn(f, s);
    (void)fixture_wait_ended(f, seen);
    const char *bases[] = {host.base, host.v1[0], host.v1[1], host.v1[2]};
    for (size_t i = 0; i < ARRAY_LEN(bases); i++) {
        if (!bases[i])
            continue;
        CLEANUP(free_p)
        char *above = xstrndup(bases[i], (size_t)(strrchr(bases[i], '/') - bases[i]));
        CLEANUP(free_p) char *base = cgroup_path(above, name);
        CLEANUP(free_p) char *group = cgroup_path(base, seen->id);
        assert_int_not_equal(access(group, F_OK), 0);
    }
}

static bool is_back(struct fixture *f, void *arg)
{
    return f->n_gone == 1 && f->n_ready == 2;
}

static void limits_hold_over_an_upgrade(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *s = fixture_script("read x; " HOG "; sleep 600");

    s->interactive = true;
    s->limits.max_memory_bytes = 32 * MIB;
    struct seen *seen = fixture_spawn(f, s);
    fixture_wait_ready(f);
    fixture_wait_processes(f, seen, 1);
    assert_int_equal(keeper_client_upgrade(f->client), 0);
    fixture_wait(f, is_back, NULL, "the keeper became a new one");
    assert_int_equal(fixture_stdin(f, seen, "go\n", false, NULL), KEEPER_STDIN_OK);
    struct execution_exit e = fixture_wait_ended(f, seen);
    assert_int_equal(e.reason, REASON_OOM);
    assert_int_equal(e.max_memory_bytes, 32 * MIB);
}

static void without_groups_each_process_is_limited(void **state)
{
    struct fixture *f = *state;
    struct exec_spec *s = fixture_script("ulimit -v; ulimit -t; ulimit -p");

    s->limits = (struct execution_limits){
        .max_memory_bytes = 640 * MIB, .max_processes = 4000, .max_cpu_ms = 2500};
    struct seen *seen = fixture_spawn(f, s);
    struct execution_exit e = fixture_wait_ended(f, seen);
    size_t len;
    CLEANUP(free_p) char *text = fixture_output(f, seen, JOURNAL_STDOUT, &len);
    assert_string_equal(text, "655360\n3\n4000\n");
    assert_int_equal(e.max_memory_bytes, 0); /* no limit of the tree was in force */
    assert_int_equal(e.memory_peak_bytes, 0);
}

#define IN(where, test)                     \
    {                                       \
#test, test, where, tear_down, NULL \
    }
#define NAMED(name, where, test)                 \
    {                                            \
#test name, test, where, tear_down, NULL \
    }

static size_t add(struct CMUnitTest *to, const struct CMUnitTest *tests, size_t n, bool is_possible,
                  const char *why)
{
    if (!is_possible)
        print_message("# %zu tests left out: %s\n", n, why);
    else
        memcpy(to, tests, n * sizeof(*tests));
    return is_possible ? n : 0;
}

static bool has(enum cgroup_controller c)
{
    return cgroup_host_controllers(&host) & CGROUP_BIT(c);
}

int main(void)
{
    static const struct CMUnitTest memory[] = {
        IN(set_up, tells_oom_with_limit_and_peak),
        IN(set_up, the_memory_of_a_tree_is_one),
        IN(set_up, a_command_that_tries_again_is_ended),
        IN(set_up, reserved_memory_is_not_used_memory),
        IN(set_up, limits_hold_over_an_upgrade),
    };
    static const struct CMUnitTest pids[] = {
        IN(set_up, a_fork_bomb_is_bounded_and_ends),
        IN(set_up, as_many_processes_as_allowed_are_no_event),
    };
    static const struct CMUnitTest cpu[] = {IN(set_up, the_cpu_time_of_a_tree_is_one)};
    static const struct CMUnitTest v1[] = {
        NAMED("_by_version_1", set_up_v1, tells_oom_with_limit_and_peak),
        NAMED("_by_version_1", set_up_v1, a_fork_bomb_is_bounded_and_ends),
        NAMED("_by_version_1", set_up_v1, the_cpu_time_of_a_tree_is_one),
        NAMED("_by_version_1", set_up_v1, no_group_is_left),
    };
    static const struct CMUnitTest everywhere[] = {
        IN(set_up, no_group_is_left),
        IN(set_up, keeps_notes_in_the_journal),
        NAMED("_switched_off", set_up_without_cgroup, without_groups_each_process_is_limited),
    };
    static const struct CMUnitTest as_root[] = {
        NAMED("_read_only", set_up_read_only, without_groups_each_process_is_limited),
    };
    struct CMUnitTest tests[32] = {0};
    size_t n = 0;

    cgroup_host_init(&host, "/test_keeper_limits");
    n += add(tests + n, memory, ARRAY_LEN(memory), has(CGROUP_MEMORY), "no memory controller");
    n += add(tests + n, pids, ARRAY_LEN(pids), has(CGROUP_PIDS), "no pids controller");
    n += add(tests + n, cpu, ARRAY_LEN(cpu), has(CGROUP_CPU), "no groups that count CPU time");
    n += add(tests + n, v1, ARRAY_LEN(v1), host.base && host.v1[CGROUP_MEMORY] && geteuid() == 0,
             "not root, or no controllers of version 1");
    n += add(tests + n, everywhere, ARRAY_LEN(everywhere), true, "");
    n += add(tests + n, as_root, ARRAY_LEN(as_root), geteuid() == 0, "not root");
    int r = _cmocka_run_group_tests("limits", tests, n, NULL, NULL);
    cgroup_host_deinit(&host);
    return r;
}
