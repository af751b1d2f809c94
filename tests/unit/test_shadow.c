/*
 * Executions of a replica that is a few keys in a real Redis, read through the service of another:
 * the same events, offsets, bytes and end, whatever happens on the way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "exec/shadow.h"
#include "state/base/clock.h"
#include "state/base/fd.h"
#include "state/base/id.h"
#include "state/journal.h"
#include "tests/unit/random.h"
#include "tests/unit/replica_fixture.h"

#define B (&replicas.b)

static void say(struct mirrored *m, const char *text)
{
    mirrored_add(m, JOURNAL_STDOUT, text, strlen(text));
}

static struct mirrored *make(const char *principal)
{
    static struct mirrored m;
    mirrored_init(&m, principal);
    mirrored_add(&m, JOURNAL_READY, NULL, 0);
    mirrored_heartbeat("m", true);
    return &m;
}

/* b's copy is the original, from `first` on, as far as b says it goes. */
static void check_copy(const struct mirrored *m, uint64_t first, uint64_t events)
{
    CLEANUP(journal_closep) struct journal *j = NULL;
    struct journal_record rec;
    char data[JOURNAL_RECORD_MAX];
    size_t n;
    assert_int_equal(journal_open(B->dir, m->record.id, &j), 0);
    assert_int_equal(journal_first_event(j), first);
    assert_true(journal_events(j) >= events);
    for (uint64_t i = first; i < events; i++) {
        assert_int_equal(journal_records(j, i, &rec, 1, &n), 0);
        assert_memory_equal(&rec, &m->recs[i], sizeof(rec));
        assert_int_equal(journal_read(j, rec.offset, data, rec.length), 0);
        assert_memory_equal(data, m->bytes.data + rec.offset, rec.length);
    }
}

/* A look: the view, and what it was answered. */
static enum call_outcome look(const char *id, struct execution_view *ret)
{
    struct call *c = replica_ask(B, replica_wait_call(B, id, CALL_UNTIL_NOTHING, 0));
    enum call_outcome o = c->outcome;
    *ret = c->view;
    call_free(c);
    return o;
}

static void an_execution_of_another_replica_is_there(void **state)
{
    struct execution_view v;
    struct mirrored *m = make("alice");
    say(m, "one\n");
    mirrored_publish(m, 0);
    assert_int_equal(look(m->record.id, &v), CALL_OK);
    assert_string_equal(v.id, m->record.id);
    assert_int_equal(v.status, EXECUTION_RUNNING);
    assert_int_equal(v.events, 2);
    assert_int_equal(v.output_bytes, 4);
    assert_int_equal(v.created_us, m->record.created_us);
    check_copy(m, 0, 2);
    mirrored_deinit(m);
}

static void one_that_is_unknown_and_another_principals_look_the_same(void **state)
{
    char unknown[ID_MAX + 1];
    struct execution_view v;
    struct mirrored *m = make("bob");
    mirrored_publish(m, 0);
    id_make("m", unknown);
    for (enum call_op op = CALL_WAIT; op <= CALL_CANCEL; op++) {
        assert_int_equal(replica_outcome(B, replica_call(B, op, m->record.id)), CALL_E_NOT_FOUND);
        assert_int_equal(replica_outcome(B, replica_call(B, op, unknown)), CALL_E_NOT_FOUND);
    }
    assert_int_equal(look("no id at all", &v), CALL_E_NOT_FOUND);
    /* Also when its own principal has it here. */
    struct call *c = replica_call(B, CALL_WAIT, m->record.id);
    free(c->principal);
    c->principal = xstrdup("bob");
    assert_int_equal(replica_outcome(B, c), CALL_OK);
    assert_int_equal(look(m->record.id, &v), CALL_E_NOT_FOUND);
    mirrored_deinit(m);
}

static void a_wait_hears_of_output_and_of_the_end(void **state)
{
    struct mirrored *m = make("alice");
    mirrored_publish(m, 0);
    service_call(&B->service, replica_wait_call(B, m->record.id, CALL_UNTIL_GREW, 1));
    service_call(&B->service, replica_wait_call(B, m->record.id, CALL_UNTIL_ENDED, 0));
    replicas_run(100);
    assert_null(replica_answer(B));
    say(m, "x\n");
    mirrored_publish(m, 0);
    struct call *c = replica_await(B);
    assert_int_equal(c->until, CALL_UNTIL_GREW);
    assert_int_equal(c->view.events, 2);
    call_free(c);
    mirrored_end(m, REASON_EXITED, 3);
    mirrored_publish(m, 0);
    c = replica_await(B);
    assert_int_equal(c->until, CALL_UNTIL_ENDED);
    assert_int_equal(c->view.status, EXECUTION_COMPLETED);
    call_free(c);
    struct execution_exit x;
    CLEANUP(free_p) char *dir = journal_dir(B->dir, m->record.id);
    assert_int_equal(journal_read_exit(dir, &x), 0);
    assert_int_equal(x.exit_code, 3);
    check_copy(m, 0, m->record.events);
    mirrored_deinit(m);
}

#define SESSION "m-abcdefghijklmnopqrstuvwx27"

static bool lives_on(const char *key)
{
    char command[256];
    (void)snprintf(command, sizeof(command), "PTTL %s", key);
    CLEANUP(free_p) char *left = redis_server_cli(replicas.redis, command);
    return atol(left) > 100000;
}

static void check_kept_alive(const struct mirrored *m)
{
    const char *const keys[] = {m->key, m->output_key, "owner:alice:executions",
                                "session:" SESSION ":executions"};
    struct execution_view v;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        char command[256];
        (void)snprintf(command, sizeof(command), "EXPIRE %s 50", keys[i]);
        free(redis_server_cli(replicas.redis, command));
        assert_false(lives_on(keys[i]));
    }
    assert_int_equal(look(m->record.id, &v), CALL_OK);
    replicas_run(50);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        assert_true(lives_on(keys[i]));
}

/* While it runs, with the look that finds it; once it has ended, with a later one. */
static void a_reader_keeps_alive_what_leads_to_it(void **state)
{
    struct mirrored *m = make("alice");
    B->config.retention_ttl_ms = 200000;
    m->record.session_id = xstrdup(SESSION);
    mirrored_publish(m, 0);
    mirrored_index(&m->record);
    mirrored_note(SESSION, m->record.id);
    check_kept_alive(m);
    mirrored_end(m, REASON_EXITED, 0);
    mirrored_publish(m, 0);
    call_free(replica_ask(B, replica_wait_call(B, m->record.id, CALL_UNTIL_ENDED, 0)));
    registry_find(&B->service.registry, m->record.id)->shadow->touched_ms -= 30000;
    check_kept_alive(m);
    mirrored_deinit(m);
}

/* What others say of one that was declared lost is what its owner says, once that is back. */
static void a_lost_one_is_as_its_owner_says_who_comes_back(void **state)
{
    struct execution_view v;
    struct mirrored *m = make("alice");
    say(m, "one\n");
    mirrored_publish(m, 0);
    assert_int_equal(look(m->record.id, &v), CALL_OK);
    m->record.status = EXECUTION_LOST; /* as another replica declares it */
    m->record.has_exit = true;
    m->record.exit = (struct execution_exit){.reason = REASON_LOST, .ended_us = 1};
    mirrored_claim(m);
    struct call *c = replica_ask(B, replica_wait_call(B, m->record.id, CALL_UNTIL_ENDED, 0));
    assert_int_equal(c->view.status, EXECUTION_LOST);
    call_free(c);
    c = replica_ask(B, replica_call(B, CALL_CANCEL, m->record.id));
    assert_int_equal(c->outcome, CALL_OK);
    assert_false(c->was_running);
    call_free(c);
    say(m, "two\n");
    mirrored_end(m, REASON_LOST, -9);
    mirrored_publish(m, 0);
    uint64_t end = clock_mono_ms() + SHADOW_FRESH_MS + 2000;
    do {
        (void)event_base_loop(replicas.base, EVLOOP_NONBLOCK);
        assert_int_equal(look(m->record.id, &v), CALL_OK);
        assert_int_equal(v.status, EXECUTION_LOST);
    } while (v.output_bytes < 8 && clock_mono_ms() < end);
    assert_int_equal(v.output_bytes, 8);
    check_copy(m, 0, m->record.events);
    struct execution_exit x;
    CLEANUP(free_p) char *dir = journal_dir(B->dir, m->record.id);
    assert_int_equal(journal_read_exit(dir, &x), 0);
    assert_int_equal(x.exit_code, -9);
    assert_int_equal(x.ended_us, m->record.exit.ended_us);
    mirrored_deinit(m);
}

static void pass_ms(unsigned ms)
{
    const struct timeval t = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    (void)event_base_loopexit(replicas.base, &t);
    (void)event_base_dispatch(replicas.base);
}

/* Its owner is gone for good, and now Redis has forgotten it, or is away: this copy is all there
 * is. */
static void a_lost_one_is_told_without_redis(void **state)
{
    struct execution_view v;
    struct mirrored *m = make("alice");
    say(m, "one\n");
    m->record.status = EXECUTION_LOST;
    m->record.has_exit = true;
    m->record.exit = (struct execution_exit){.reason = REASON_LOST, .ended_us = 1};
    mirrored_publish(m, 0);
    assert_int_equal(look(m->record.id, &v), CALL_OK);
    free(redis_server_cli(replicas.redis, "FLUSHALL"));
    pass_ms(SHADOW_FRESH_MS + 100); /* what is fresh is told anyway */
    assert_int_equal(look(m->record.id, &v), CALL_OK);
    assert_int_equal(v.status, EXECUTION_LOST);
    assert_int_equal(v.output_bytes, 4);
    redis_server_stop(replicas.redis);
    pass_ms(3 * SHADOW_FRESH_MS + 100);
    assert_int_equal(look(m->record.id, &v), CALL_OK);
    assert_int_equal(v.status, EXECUTION_LOST);
    check_copy(m, 0, m->record.events);
    mirrored_deinit(m);
}

static void a_poll_soon_sees_what_was_published_before_it(void **state)
{
    struct execution_view v;
    struct mirrored *m = make("alice");
    uint64_t before = 0;
    for (int i = 0; i < 200; i++) {
        say(m, "line\n");
        mirrored_publish(m, 0);
        uint64_t end = clock_mono_ms() + SHADOW_FRESH_MS + 2000; /* and a busy machine */
        do {
            (void)event_base_loop(replicas.base, EVLOOP_NONBLOCK);
            assert_int_equal(look(m->record.id, &v), CALL_OK);
            assert_true(v.events >= before);
            before = v.events;
        } while (v.events < m->record.events && clock_mono_ms() < end);
        assert_int_equal(v.events, m->record.events);
    }
    check_copy(m, 0, m->record.events);
    mirrored_deinit(m);
}

static void a_fresh_copy_is_answered_from_without_redis(void **state)
{
    struct execution_view v;
    struct mirrored *m = make("alice");
    say(m, "x\n");
    mirrored_publish(m, 0);
    assert_int_equal(look(m->record.id, &v), CALL_OK);
    replicas_run(200); /* the channel is subscribed, and looked at once */
    assert_int_equal(look(m->record.id, &v), CALL_OK);
    struct call *c = replica_wait_call(B, m->record.id, CALL_UNTIL_NOTHING, 0);
    service_call(&B->service, c);
    assert_ptr_equal(replica_answer(B), c); /* at once: the loop did not run */
    call_free(c);
    /* The end is final: nobody asks any more. */
    mirrored_end(m, REASON_CANCELLED, -15);
    mirrored_publish(m, 0);
    c = replica_ask(B, replica_wait_call(B, m->record.id, CALL_UNTIL_ENDED, 0));
    assert_int_equal(c->view.status, EXECUTION_CANCELLED);
    call_free(c);
    redis_server_stop(replicas.redis);
    assert_int_equal(look(m->record.id, &v), CALL_OK);
    assert_int_equal(v.status, EXECUTION_CANCELLED);
    redis_server_restart(replicas.redis);
    mirrored_deinit(m);
}

static void random_output_arrives_as_it_was_written(void **state)
{
    struct random r = {.state = 3};
    struct mirrored *m = make("alice");
    uint64_t seen = 0;
    char data[3000];
    while (m->record.events < 3000) {
        uint64_t n = random_below(&r, 60), len;
        for (uint64_t i = 0; i < n; i++) {
            len = 1 + random_below(&r, random_below(&r, 20) ? 60 : sizeof(data));
            for (uint64_t k = 0; k < len; k++)
                data[k] =
                    (char)(random_below(&r, 4) ? 'a' + random_below(&r, 26) : random_next(&r));
            mirrored_add(m, random_below(&r, 3) ? JOURNAL_STDOUT : JOURNAL_STDERR, data, len);
            m->recs[m->record.events - 1].flags = random_below(&r, 3) ? 0 : JOURNAL_PARTIAL;
        }
        mirrored_publish(m, 0);
        struct call *c = replica_wait_call(B, m->record.id, CALL_UNTIL_GREW, seen);
        c->deadline_ms = clock_mono_ms() + 5;
        c = replica_ask(B, c);
        assert_int_equal(c->outcome, CALL_OK);
        assert_true(c->view.events >= seen);
        check_copy(m, 0, c->view.events);
        seen = c->view.events;
        call_free(c);
    }
    mirrored_end(m, REASON_EXITED, 0);
    mirrored_publish(m, 0);
    call_free(replica_ask(B, replica_wait_call(B, m->record.id, CALL_UNTIL_ENDED, 0)));
    check_copy(m, 0, m->record.events);
    mirrored_deinit(m);
}

static void who_is_slower_than_the_mirrors_bound_is_told_so(void **state)
{
    struct execution_view v;
    struct mirrored *m = make("alice");
    for (int i = 0; i < 10; i++)
        say(m, "some line\n");
    mirrored_publish(m, 0);
    assert_int_equal(look(m->record.id, &v), CALL_OK);
    for (int i = 0; i < 100; i++)
        say(m, "another line\n");
    mirrored_publish(m, 50);
    mirrored_heartbeat("m", false); /* nobody can be asked for what was between */
    assert_int_equal(look(m->record.id, &v), CALL_OK);
    assert_int_equal(v.events, m->record.events);
    check_copy(m, 50, m->record.events);
    mirrored_deinit(m);
}

static void without_redis_nothing_is_said_of_others_and_ours_go_on(void **state)
{
    struct execution_view v;
    struct mirrored *m = make("alice");
    mirrored_publish(m, 0);
    assert_int_equal(look(m->record.id, &v), CALL_OK);
    struct call *parked = replica_wait_call(B, m->record.id, CALL_UNTIL_ENDED, 0);
    service_call(&B->service, parked);
    redis_server_stop(replicas.redis);
    replicas_run(50);
    assert_int_equal(look(m->record.id, &v), CALL_E_REDIS_AWAY);
    redis_server_restart(replicas.redis); /* empty */
    replicas_run(300);
    /* Its owner writes it again; who was parked still is. */
    m->record.events = 0;
    m->bytes.len = 0;
    mirrored_add(m, JOURNAL_READY, NULL, 0);
    mirrored_end(m, REASON_EXITED, 0);
    mirrored_republish(m);
    struct call *c = replica_await(B);
    assert_ptr_equal(c, parked);
    assert_int_equal(c->view.status, EXECUTION_COMPLETED);
    call_free(c);
    mirrored_deinit(m);
}

static void a_wait_that_is_given_up_comes_back_wherever_it_is(void **state)
{
    struct mirrored *m = make("alice");
    mirrored_publish(m, 0);
    for (unsigned ms = 0; ms < 40; ms += 10) {
        struct call *c = replica_wait_call(B, m->record.id, CALL_UNTIL_ENDED, 0);
        uint64_t serial = c->serial;
        service_call(&B->service, c);
        if (ms > 0)
            replicas_run(ms);
        service_give_up(&B->service, serial, false);
        c = replica_await(B);
        assert_int_equal(c->serial, serial);
        assert_int_equal(c->outcome, CALL_E_CANCELLED);
        call_free(c);
    }
    mirrored_deinit(m);
}

static void copies_are_bounded_and_leave_when_nobody_reads_them(void **state)
{
    struct mirrored many[5];
    struct execution_view v;
    char *dirs[5];
    mirrored_heartbeat("m", true);
    for (int i = 0; i < 5; i++) {
        mirrored_init(&many[i], "alice");
        mirrored_add(&many[i], JOURNAL_READY, NULL, 0);
        mirrored_publish(&many[i], 0);
        dirs[i] = journal_dir(B->dir, many[i].record.id);
        assert_int_equal(look(many[i].record.id, &v), CALL_OK);
    }
    assert_int_not_equal(access(dirs[0], F_OK), 0);
    assert_int_not_equal(access(dirs[1], F_OK), 0);
    assert_int_equal(access(dirs[4], F_OK), 0);
    assert_int_equal(look(many[0].record.id, &v), CALL_OK); /* and comes again */
    /* As many as there may be are waited for: no other one is let in. */
    B->config.redis_shadow_ttl_ms = 1;
    replicas_run(300);
    for (int i = 0; i < 5; i++)
        assert_int_not_equal(access(dirs[i], F_OK), 0);
    for (int i = 0; i < 3; i++)
        service_call(&B->service, replica_wait_call(B, many[i].record.id, CALL_UNTIL_ENDED, 0));
    replicas_run(100);
    assert_int_equal(look(many[3].record.id, &v), CALL_E_WAITERS_FULL);
    service_release_all(&B->service);
    for (int i = 0; i < 5; i++) {
        mirrored_deinit(&many[i]);
        free(dirs[i]);
    }
}

/* Redis goes before the copies do. */
static void who_was_released_subscribes_to_nothing_more(void **state)
{
    struct execution_view v;
    struct mirrored *m = make("alice");
    say(m, "still runs\n");
    mirrored_publish(m, 0);
    assert_int_equal(look(m->record.id, &v), CALL_OK);
    const struct entry *e = registry_find(&B->service.registry, m->record.id);
    assert_non_null(e->shadow->subscription);
    service_release_all(&B->service);
    assert_null(e->shadow->subscription);
    service_watch(&B->service, m->record.id); /* an order that was on its way */
    assert_null(e->shadow->subscription);
    mirrored_deinit(m);
}

static void a_record_that_makes_no_sense_is_no_execution(void **state)
{
    struct execution_view v;
    char id[ID_MAX + 1], command[256];
    static const char *const values[] = {"", "{}", "[]", "\"x\"", "{\"id\":\"x\"}"};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        id_make("m", id);
        (void)snprintf(command, sizeof(command), "SET execution:%s '%s'", id, values[i]);
        free(redis_server_cli(replicas.redis, command));
        assert_int_equal(look(id, &v), CALL_E_NOT_FOUND);
    }
}

static void events_that_do_not_fit_are_not_taken(void **state)
{
    struct execution_view v;
    struct mirrored *m = make("alice");
    say(m, "good\n");
    mirrored_publish(m, 0);
    assert_int_equal(look(m->record.id, &v), CALL_OK);
    char command[512];
    (void)snprintf(command, sizeof(command), "RPUSH %s not-an-event", m->output_key);
    free(redis_server_cli(replicas.redis, command));
    m->record.events += 1;
    mirrored_claim(m); /* the record says that there are three */
    assert_int_equal(look(m->record.id, &v), CALL_E_REDIS_AWAY);
    check_copy(m, 0, 2);
    mirrored_deinit(m);
}

int main(void)
{
    redis_server_need();
    const struct CMUnitTest tests[] = {
        REPLICAS_TEST(an_execution_of_another_replica_is_there),
        REPLICAS_TEST(one_that_is_unknown_and_another_principals_look_the_same),
        REPLICAS_TEST(a_wait_hears_of_output_and_of_the_end),
        REPLICAS_TEST(a_reader_keeps_alive_what_leads_to_it),
        REPLICAS_TEST(a_lost_one_is_as_its_owner_says_who_comes_back),
        REPLICAS_TEST(a_lost_one_is_told_without_redis),
        REPLICAS_TEST(a_poll_soon_sees_what_was_published_before_it),
        REPLICAS_TEST(a_fresh_copy_is_answered_from_without_redis),
        REPLICAS_TEST(random_output_arrives_as_it_was_written),
        REPLICAS_TEST(who_is_slower_than_the_mirrors_bound_is_told_so),
        REPLICAS_TEST(without_redis_nothing_is_said_of_others_and_ours_go_on),
        REPLICAS_TEST(a_wait_that_is_given_up_comes_back_wherever_it_is),
        REPLICAS_TEST(copies_are_bounded_and_leave_when_nobody_reads_them),
        REPLICAS_TEST(who_was_released_subscribes_to_nothing_more),
        REPLICAS_TEST(a_record_that_makes_no_sense_is_no_execution),
        REPLICAS_TEST(events_that_do_not_fit_are_not_taken),
    };
    return cmocka_run_group_tests_name("shadow", tests, NULL, NULL);
}
