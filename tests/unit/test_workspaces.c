/* When the directories of sessions go, and which stay. */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <sys/stat.h>

#include <cmocka.h>

#include "exec/workspaces.h"
#include "state/base/clock.h"
#include "state/base/fd.h"
#include "state/base/id.h"
#include "tests/unit/fake_keeper.h"
#include "tests/unit/service_fixture.h"

#define PASS_MS 60000u

static struct sessions *sessions;
static struct workspaces workspaces;
static uint64_t now_ms;

static int set_up_sessions(void **state)
{
    int r = set_up(state);
    const struct fixture *f = *state;
    assert_int_equal(sessions_new(f->dir, "r1", 10, 3600000, &sessions), 0);
    now_ms = clock_mono_ms();
    return r;
}

static int tear_down_sessions(void **state)
{
    clock_hold(0, 0);
    workspaces_deinit(&workspaces);
    sessions = sessions_free(sessions);
    return tear_down(state);
}

static void new_session(char ret_id[ID_MAX + 1])
{
    struct session *session = NULL;
    assert_int_equal(session_create(sessions, "alice", "2025-06-18", NULL, NULL, &session), 0);
    memcpy(ret_id, session->id, sizeof(session->id));
    session_unref(session);
}

static char *path_of(const struct fixture *f, const char *name)
{
    char *path = NULL;
    if (asprintf(&path, "%s/workspaces/%s", f->dir, name) < 0)
        abort();
    return path;
}

static void make(const struct fixture *f, const char *name)
{
    CLEANUP(free_p) char *path = path_of(f, name);
    assert_int_equal(dir_make(path), 0);
}

static bool is_there(const struct fixture *f, const char *name)
{
    CLEANUP(free_p) char *path = path_of(f, name);
    struct stat st;
    return lstat(path, &st) == 0;
}

static void tick(struct fixture *f)
{
    workspaces_tick(&workspaces, &f->service, sessions);
}

static void pass(struct fixture *f)
{
    now_ms += PASS_MS;
    clock_hold(now_ms * 1000, clock_real_us());
    do
        tick(f);
    while (workspaces.pass);
}

static void a_workspace_goes_when_its_session_has_ended(void **state)
{
    struct fixture *f = *state;
    char lives[ID_MAX + 1], ends[ID_MAX + 1], unknown[ID_MAX + 1];
    new_session(lives);
    new_session(ends);
    id_make("r1", unknown);
    make(f, lives);
    make(f, ends);
    make(f, unknown);
    pass(f);
    assert_true(is_there(f, lives));
    assert_true(is_there(f, ends));
    assert_false(is_there(f, unknown));
    assert_true(session_end(sessions, ends, "alice"));
    tick(f); /* not before the minute is over */
    assert_true(is_there(f, ends));
    pass(f);
    assert_true(is_there(f, lives));
    assert_false(is_there(f, ends));
}

/* A session that began on another replica may live there: after a restart we do not know of it, and
 * its next command found its directory on the way out. */
static void a_workspace_of_another_replicas_session_stays_while_that_may_live(void **state)
{
    struct fixture *f = *state;
    const struct timespec old[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    char used[ID_MAX + 1], left[ID_MAX + 1];
    id_make("r2", used);
    id_make("r2", left);
    make(f, used);
    make(f, left);
    CLEANUP(free_p) char *path = path_of(f, left);
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    f->config.session_ttl_ms = 3600000;
    pass(f);
    assert_true(is_there(f, used));
    assert_false(is_there(f, left));
}

static void a_workspace_stays_while_something_of_it_waits_or_runs(void **state)
{
    struct fixture *f = *state;
    char id[ID_MAX + 1], execution[EXECUTION_ID_MAX + 1];
    id_make("r1", id);
    make(f, id);
    service_call(&f->service, make_start(f, id, NULL));
    assert_int_equal(outcome(f), CALL_OK);
    pass(f);
    assert_true(is_there(f, id));
    fake_keeper_ready();
    memcpy(execution, fake_keeper.spawned[0], sizeof(execution));
    fake_keeper_started(execution);
    pass(f);
    assert_true(is_there(f, id));
    fake_keeper_ended(f->dir, execution, REASON_EXITED, 0);
    pass(f);
    assert_false(is_there(f, id));
}

static void the_workspaces_of_principals_stay(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {
        "alice", "anonymous", "2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db186d6e90"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        make(f, names[i]);
    pass(f);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_true(is_there(f, names[i]));
}

static void the_workspace_of_a_principal_goes_when_it_was_not_used_for_long(void **state)
{
    struct fixture *f = *state;
    const struct timespec old[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    make(f, "alice");
    make(f, "bob");
    CLEANUP(free_p) char *bobs = path_of(f, "bob");
    assert_int_equal(utimensat(AT_FDCWD, bobs, old, 0), 0);
    f->config.workspace_ttl_ms = 3600000;
    pass(f);
    assert_true(is_there(f, "alice"));
    assert_false(is_there(f, "bob"));
}

/* A tick does a part of a pass: the reactor has other work. */
static void a_pass_reaches_all_of_very_many(void **state)
{
    struct fixture *f = *state;
    char ids[1200][ID_MAX + 1];
    unsigned left = 0;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        id_make("r1", ids[i]);
        make(f, ids[i]);
    }
    tick(f);
    assert_non_null(workspaces.pass);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        left += is_there(f, ids[i]);
    assert_in_range(left, ARRAY_LEN(ids) - 500, ARRAY_LEN(ids) - 1);
    while (workspaces.pass)
        tick(f);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        assert_false(is_there(f, ids[i]));
}

static void without_workspaces_there_is_nothing_to_do(void **state)
{
    struct fixture *f = *state;
    pass(f);
    assert_null(workspaces.pass);
}

static bool is_trash_empty(const struct fixture *f)
{
    CLEANUP(free_p) char *path = NULL;
    if (asprintf(&path, "%s/trash", f->dir) < 0)
        abort();
    DIR *d = opendir(path);
    assert_non_null(d);
    unsigned n = 0;
    while (readdir(d))
        n++;
    closedir(d);
    return n == 2; /* "." and ".." */
}

/* A command can do that to its own. */
static void a_link_in_the_place_of_a_workspace_goes_and_its_target_stays(void **state)
{
    struct fixture *f = *state;
    char id[ID_MAX + 1];
    id_make("r1", id);
    make(f, "target");
    CLEANUP(free_p) char *link = path_of(f, id);
    assert_int_equal(symlink("../workspaces/target", link), 0);
    pass(f);
    assert_false(is_there(f, id));
    clock_hold(0, 0);
    uint64_t end = clock_mono_ms() + 10000;
    while (!is_trash_empty(f) && clock_mono_ms() < end)
        sched_yield();
    assert_true(is_trash_empty(f));
    assert_true(is_there(f, "target"));
}

/* Of an unprivileged server, whose commands are its own user: root may move it anyway. */
static void a_workspace_that_a_command_closed_goes_too(void **state)
{
    const struct fixture *f = *state;
    const char *const names[] = {"", "workspaces", "workspaces/closed", "trash"};
    bool is_root = geteuid() == 0;

    make(f, "closed");
    for (size_t i = 0; is_root && i < ARRAY_LEN(names); i++) {
        CLEANUP(free_p) char *path = NULL;
        assert_true(asprintf(&path, "%s/%s", f->dir, names[i]) > 0);
        assert_int_equal(chown(path, 65534, 65534), 0);
    }
    CLEANUP(free_p) char *closed = path_of(f, "closed");
    assert_int_equal(chmod(closed, 0), 0);
    assert_int_equal(is_root ? seteuid(65534) : 0, 0);
    int r = janitor_discard(f->service.janitor, "workspaces", "closed");
    assert_int_equal(is_root ? seteuid(0) : 0, 0);
    assert_int_equal(r, 0);
    assert_false(is_there(f, "closed"));
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up_sessions, tear_down_sessions)
    const struct CMUnitTest tests[] = {
        TEST(a_workspace_goes_when_its_session_has_ended),
        TEST(a_workspace_of_another_replicas_session_stays_while_that_may_live),
        TEST(a_workspace_stays_while_something_of_it_waits_or_runs),
        TEST(the_workspaces_of_principals_stay),
        TEST(the_workspace_of_a_principal_goes_when_it_was_not_used_for_long),
        TEST(a_pass_reaches_all_of_very_many),
        TEST(without_workspaces_there_is_nothing_to_do),
        TEST(a_link_in_the_place_of_a_workspace_goes_and_its_target_stays),
        TEST(a_workspace_that_a_command_closed_goes_too),
    };
    return cmocka_run_group_tests_name("workspaces", tests, NULL, NULL);
}
