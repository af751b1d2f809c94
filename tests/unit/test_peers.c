/*
 * Replicas that ask each other, over a real Redis: commands to the owner, output that Redis no
 * longer has, lists.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "state/base/clock.h"
#include "state/base/fd.h"
#include "state/base/id.h"
#include "state/journal.h"
#include "tests/unit/fake_keeper.h"
#include "tests/unit/journal_file.h"
#include "tests/unit/replica_fixture.h"
#include "tests/unit/temp_dir.h"

#define A (&replicas.a)
#define B (&replicas.b)

static struct call *make_input(struct replica *r, const char *id, const char *text)
{
    struct call *c = replica_call(r, CALL_STDIN, id);
    c->input.data = xstrdup(text);
    c->input.len = strlen(text);
    c->input.input_id = xstrdup("i-1");
    return c;
}

static bool has_input(void *arg)
{
    return fake_keeper.n_stdin >= *(unsigned *)arg;
}

static void input_reaches_the_owner_and_its_answer_comes_back(void **state)
{
    const char *id = run_on_a();
    unsigned one = 1;
    service_call(&B->service, make_input(B, id, "yes\n"));
    replicas_wait(has_input, &one, "the input is at the keeper");
    assert_string_equal(fake_keeper.input, "yes\n");
    assert_null(replica_answer(B));
    fake_keeper_stdin(fake_keeper.stdin_token, KEEPER_STDIN_REPEAT);
    struct call *c = replica_await(B);
    assert_int_equal(c->outcome, CALL_OK);
    assert_true(c->repeated);
    call_free(c);
    /* And what the owner says against it, too. */
    unsigned two = 2;
    service_call(&B->service, make_input(B, id, "no\n"));
    replicas_wait(has_input, &two, "the input is at the keeper");
    fake_keeper_stdin(fake_keeper.stdin_token, KEEPER_STDIN_CLOSED);
    c = replica_await(B);
    assert_int_equal(c->outcome, CALL_E_STDIN_CLOSED);
    call_free(c);
}

static void a_cancel_and_a_signal_reach_the_owner(void **state)
{
    const char *id = run_on_a();
    struct call *c = replica_call(B, CALL_CANCEL, id);
    c->cancel.signo = SIGINT;
    c = replica_ask(B, c);
    assert_int_equal(c->outcome, CALL_OK);
    assert_true(c->was_running);
    assert_int_equal(c->view.status, EXECUTION_RUNNING);
    assert_int_equal(fake_keeper.n_killed, 1);
    call_free(c);
    c = replica_ask(B, replica_call(B, CALL_CANCEL, id));
    assert_int_equal(c->outcome, CALL_OK);
    assert_int_equal(fake_keeper.n_killed, 2);
    assert_string_equal(fake_keeper.killed[1], id);
    call_free(c);
    fake_keeper_ended(A->dir, id, REASON_CANCELLED, -15);
    c = replica_ask(B, replica_wait_call(B, id, CALL_UNTIL_ENDED, 0));
    assert_int_equal(c->view.status, EXECUTION_CANCELLED);
    call_free(c);
    c = replica_ask(B, replica_call(B, CALL_CANCEL, id));
    assert_int_equal(c->outcome, CALL_OK);
    assert_false(c->was_running);
    call_free(c);
    assert_int_equal(replica_outcome(B, make_input(B, id, "x")), CALL_E_COMPLETED);
    assert_int_equal(fake_keeper.n_killed, 2);
}

static void the_owner_asks_whose_it_is(void **state)
{
    const char *id = run_on_a();
    struct call *c = replica_call(B, CALL_CANCEL, id);
    free(c->principal);
    c->principal = xstrdup("mallory");
    assert_int_equal(replica_outcome(B, c), CALL_E_NOT_FOUND);
    /* Also when the asking replica does not: straight into the stream. */
    char command[512];
    (void)snprintf(command, sizeof(command),
                   "XADD replica:a:commands * op cancel id b.1.1 from b exec %s principal mallory "
                   "ttl_ms 5000",
                   id);
    free(redis_server_cli(replicas.redis, command));
    wait_for("XLEN replica:a:commands", "0"); /* it was taken … */
    assert_int_equal(fake_keeper.n_killed, 0);
}

static void a_command_is_carried_out_in_time_or_not_at_all(void **state)
{
    char id[EXECUTION_ID_MAX + 1];
    (void)snprintf(id, sizeof(id), "%s", run_on_a());
    call_free(replica_ask(B, replica_wait_call(B, id, CALL_UNTIL_NOTHING, 0)));
    B->config.redis_command_timeout_ms = 200;
    /* An owner that reads nothing: its heartbeat is there, its loop is not. */
    replica_stop(A);
    mirrored_heartbeat("a", true);
    struct call *c = replica_ask(B, replica_call(B, CALL_CANCEL, id));
    assert_int_equal(c->outcome, CALL_E_OWNER_SILENT);
    call_free(c);
    CLEANUP(free_p) char *left = redis_server_cli(replicas.redis, "XLEN replica:a:commands");
    assert_string_equal(left, "0"); /* taken back: it will never be done */
    /* One whose time is over when its owner comes is dropped. */
    char command[512];
    (void)snprintf(command, sizeof(command),
                   "XADD replica:a:commands 1000-1 op cancel id b.1.1 from b exec %s principal "
                   "alice ttl_ms 5000",
                   id);
    free(redis_server_cli(replicas.redis, "DEL replica:a:commands replica:a"));
    free(redis_server_cli(replicas.redis, command));
    replica_start(A);
    fake_keeper_ready();
    fake_keeper.n_killed = 0;
    wait_for("XLEN replica:a:commands", "0");
    assert_int_equal(fake_keeper.n_killed, 0);
}

static void an_owner_without_a_heartbeat_is_not_waited_for(void **state)
{
    char id[EXECUTION_ID_MAX + 1];
    (void)snprintf(id, sizeof(id), "%s", run_on_a());
    call_free(replica_ask(B, replica_wait_call(B, id, CALL_UNTIL_NOTHING, 0)));
    replica_stop(A);
    mirrored_heartbeat("a", false);
    uint64_t begun = clock_mono_ms();
    assert_int_equal(replica_outcome(B, make_input(B, id, "x")), CALL_E_OWNER_AWAY);
    assert_true(clock_mono_ms() - begun < B->config.redis_command_timeout_ms);
}

/* a's journal of it, of which Redis has only the end: from *ret_first on. */
static struct journal_file write_journal(const char *id, unsigned events, uint64_t *ret_first)
{
    struct record r;
    struct journal_file f;
    char line[64];
    journal_file_create(&f, A->dir, id);
    journal_file_event(&f, JOURNAL_READY, 0);
    for (unsigned i = 1; i < events; i++) {
        int n = snprintf(line, sizeof(line), "this is line %u of the output\n", i);
        journal_file_bytes(&f, i % 3 ? JOURNAL_STDOUT : JOURNAL_STDERR, 0, line, (size_t)n);
    }
    fake_keeper_grew(id, f.events, f.output_bytes);
    replica_await_events(id, events);
    replica_record(id, &r);
    *ret_first = r.first_event;
    assert_in_range(*ret_first, 1500, events - 100);
    record_deinit(&r);
    return f;
}

static void check_same_journals(const char *id, uint64_t first)
{
    CLEANUP(journal_closep) struct journal *a = NULL;
    CLEANUP(journal_closep) struct journal *b = NULL;
    struct journal_record ra, rb;
    char da[256], db[256];
    size_t n;
    assert_int_equal(journal_open(A->dir, id, &a), 0);
    assert_int_equal(journal_open(B->dir, id, &b), 0);
    assert_int_equal(journal_first_event(b), first);
    assert_int_equal(journal_events(b), journal_events(a));
    for (uint64_t i = first; i < journal_events(a); i++) {
        assert_int_equal(journal_records(a, i, &ra, 1, &n), 0);
        assert_int_equal(journal_records(b, i, &rb, 1, &n), 0);
        assert_memory_equal(&ra, &rb, sizeof(ra));
        assert_int_equal(journal_read(a, ra.offset, da, ra.length), 0);
        assert_int_equal(journal_read(b, rb.offset, db, rb.length), 0);
        assert_memory_equal(da, db, ra.length);
    }
}

static void output_that_redis_dropped_comes_from_the_owner(void **state)
{
    uint64_t first;
    const char *id = run_on_a();
    struct journal_file f = write_journal(id, 9000, &first);
    struct call *c = replica_wait_call(B, id, CALL_UNTIL_NOTHING, 0);
    c->reads_output = false; /* a status needs no output */
    call_free(replica_ask(B, c));
    check_same_journals(id, first);
    c = replica_ask(B, replica_wait_call(B, id, CALL_UNTIL_NOTHING, first - 1000));
    assert_int_equal(c->outcome, CALL_OK);
    call_free(c);
    check_same_journals(id, first - 1000);
    c = replica_ask(B, replica_wait_call(B, id, CALL_UNTIL_NOTHING, 0));
    assert_int_equal(c->outcome, CALL_OK);
    call_free(c);
    check_same_journals(id, 0);
    journal_file_close(&f);
}

static void what_the_owner_has_dropped_too_is_not_asked_again(void **state)
{
    uint64_t first;
    const char *id = run_on_a();
    struct journal_file f = write_journal(id, 3000, &first);
    struct journal_record rec;
    size_t n;
    CLEANUP(journal_closep) struct journal *j = NULL;
    assert_int_equal(journal_open(A->dir, id, &j), 0);
    assert_int_equal(journal_records(j, 700, &rec, 1, &n), 0);
    journal_file_drop(&f, 700, rec.offset);
    for (int i = 0; i < 3; i++) {
        struct call *c = replica_ask(B, replica_wait_call(B, id, CALL_UNTIL_NOTHING, 0));
        assert_int_equal(c->outcome, CALL_OK);
        call_free(c);
    }
    check_same_journals(id, 700);
    journal_file_close(&f);
}

static void behind_a_dead_owner_the_bytes_are_dropped(void **state)
{
    char id[EXECUTION_ID_MAX + 1];
    (void)snprintf(id, sizeof(id), "%s", run_on_a());
    uint64_t first;
    struct journal_file f = write_journal(id, 3000, &first);
    call_free(replica_ask(B, replica_wait_call(B, id, CALL_UNTIL_NOTHING, first)));
    replica_stop(A);
    mirrored_heartbeat("a", false);
    struct call *c = replica_ask(B, replica_wait_call(B, id, CALL_UNTIL_NOTHING, 0));
    assert_int_equal(c->outcome, CALL_OK);
    call_free(c);
    check_same_journals(id, first);
    journal_file_close(&f);
}

/* ---- lists ---- */

static struct call *list(struct replica *r, unsigned limit, const struct execution_view *after)
{
    struct call *c = replica_call(r, CALL_LIST, NULL);
    c->list.limit = limit;
    if (after) {
        c->list.before_us = after->created_us;
        memcpy(c->list.before_id, after->id, sizeof(after->id));
    }
    return replica_ask(r, c);
}

static void a_sessions_list_has_what_it_started_on_any_replica(void **state)
{
    static const char session[] = "a-abcdefghijklmnopqrstuvwx27";
    struct mirrored m;
    mirrored_init(&m, "alice");
    m.record.session_id = xstrdup(session);
    mirrored_publish(&m, 0);
    mirrored_index(&m.record);
    (void)run_on_a(); /* of no session */
    char command[256];
    /* More than one page, most of it expired long ago. */
    for (int i = 0; i < 500; i++) {
        char id[ID_MAX + 1];
        id_make("m", id);
        mirrored_note(session, i == 250 ? m.record.id : id);
    }
    (void)snprintf(command, sizeof(command), "SCARD session:%s:executions", session);
    wait_for(command, "500");
    for (int k = 0; k < 2; k++) {
        struct call *c = replica_call(k ? A : B, CALL_LIST, NULL);
        c->session_id = xstrdup(session);
        c->list.session_only = true;
        c->list.limit = 10;
        c = replica_ask(k ? A : B, c);
        assert_int_equal(c->n_views, 1);
        assert_string_equal(c->views[0].id, m.record.id);
        assert_false(c->is_partial || c->has_more);
        call_free(c);
    }
    mirrored_deinit(&m);
}

static void a_list_has_all_replicas_newest_first_page_by_page(void **state)
{
    char ids[9][EXECUTION_ID_MAX + 1];
    struct mirrored m[3];
    for (int i = 0; i < 9; i++) {
        if (i % 3 == 2) {
            mirrored_init(&m[i / 3], "alice");
            mirrored_add(&m[i / 3], JOURNAL_READY, NULL, 0);
            mirrored_publish(&m[i / 3], 0);
            mirrored_index(&m[i / 3].record);
            memcpy(ids[i], m[i / 3].record.id, sizeof(ids[i]));
        } else {
            (void)snprintf(ids[i], sizeof(ids[i]), "%s", run_on_a());
        }
    }
    struct replica *const both[] = {A, B};
    for (size_t k = 0; k < 2; k++) {
        struct execution_view last;
        int at = 8;
        struct call *c = list(both[k], 4, NULL);
        for (;;) {
            assert_false(c->is_partial);
            for (size_t i = 0; i < c->n_views; i++, at--)
                assert_string_equal(c->views[i].id, ids[at]);
            bool has_more = c->has_more;
            last = c->views[c->n_views - 1];
            call_free(c);
            if (!has_more)
                break;
            c = list(both[k], 4, &last);
        }
        assert_int_equal(at, -1);
    }
    redis_server_stop(replicas.redis);
    struct call *c = list(A, 9, NULL);
    assert_true(c->is_partial);
    assert_int_equal(c->n_views, 6);
    call_free(c);
    redis_server_restart(replicas.redis);
    for (int i = 0; i < 3; i++)
        mirrored_deinit(&m[i]);
}

static unsigned long scripts_run(void)
{
    CLEANUP(free_p) char *stats = redis_server_cli(replicas.redis, "INFO commandstats");
    const char *calls = strstr(stats, "cmdstat_evalsha:calls=");
    assert_non_null(calls);
    return strtoul(calls + strlen("cmdstat_evalsha:calls="), NULL, 10);
}

/* With commands of any length no answer is large: two of these at a time. */
static void a_list_is_read_in_small_parts(void **state)
{
    enum { LARGE = 120000, N = 20 };
    struct mirrored m[N];
    for (size_t i = 0; i < N; i++) {
        mirrored_init(&m[i], "alice");
        free(m[i].record.command);
        m[i].record.command = xcalloc(1, LARGE + 1);
        memset(m[i].record.command, 'x', LARGE);
        mirrored_publish(&m[i], 0);
        mirrored_index(&m[i].record);
    }
    unsigned long before = scripts_run();
    struct call *c = list(B, N, NULL);
    assert_int_equal(c->n_views, N);
    assert_false(c->is_partial || c->has_more);
    for (size_t i = 0; i < N; i++) {
        assert_string_equal(c->views[i].id, m[N - 1 - i].record.id);
        assert_int_equal(strlen(c->records[i].command), LARGE);
    }
    assert_true(scripts_run() - before >= N / 2);
    call_free(c);
    for (size_t i = 0; i < N; i++)
        mirrored_deinit(&m[i]);
}

int main(void)
{
    redis_server_need();
    const struct CMUnitTest tests[] = {
        REPLICAS_TEST(input_reaches_the_owner_and_its_answer_comes_back),
        REPLICAS_TEST(a_cancel_and_a_signal_reach_the_owner),
        REPLICAS_TEST(the_owner_asks_whose_it_is),
        REPLICAS_TEST(a_command_is_carried_out_in_time_or_not_at_all),
        REPLICAS_TEST(an_owner_without_a_heartbeat_is_not_waited_for),
        REPLICAS_TEST(output_that_redis_dropped_comes_from_the_owner),
        REPLICAS_TEST(what_the_owner_has_dropped_too_is_not_asked_again),
        REPLICAS_TEST(behind_a_dead_owner_the_bytes_are_dropped),
        REPLICAS_TEST(a_sessions_list_has_what_it_started_on_any_replica),
        REPLICAS_TEST(a_list_has_all_replicas_newest_first_page_by_page),
        REPLICAS_TEST(a_list_is_read_in_small_parts),
    };
    return cmocka_run_group_tests_name("peers", tests, NULL, NULL);
}
