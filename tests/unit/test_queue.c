/* The line of pending executions and the registry they stand in, against a plain model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "exec/queue.h"

struct fixture {
    struct registry registry;
    struct queue queue;
    unsigned serial;
};

static struct entry *add(struct fixture *f, const char *principal, const char *session)
{
    struct exec_spec s = {
        .principal = (char *)principal, .session_id = (char *)session, .created_us = f->serial};
    (void)snprintf(s.id, sizeof(s.id), "r-%026u", f->serial++);
    struct entry *e = registry_add(&f->registry, &s);
    queue_push(&f->queue, e);
    return e;
}

static void end(struct fixture *f, struct entry *e)
{
    queue_leave(&f->queue, e);
    registry_set_ended(&f->registry, e, EXECUTION_COMPLETED, 0);
}

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    registry_init(&f->registry);
    queue_init(&f->queue);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    queue_deinit(&f->queue);
    registry_deinit(&f->registry);
    free(f);
    return 0;
}

static void one_session_goes_first_come_first_served(void **state)
{
    struct fixture *f = *state;
    struct entry *a = add(f, "p", "s"), *b = add(f, "p", "s");
    assert_int_equal(queue_position(b), 2);
    assert_ptr_equal(queue_pop(&f->queue), a);
    assert_int_equal(queue_position(b), 1);
    assert_ptr_equal(queue_pop(&f->queue), b);
    assert_null(queue_pop(&f->queue));
    assert_int_equal(f->queue.running, 2);
}

static void a_session_that_queues_much_does_not_keep_another_waiting(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 100; i++)
        add(f, "p", "greedy");
    struct entry *modest = add(f, "p", "modest");
    queue_pop(&f->queue);
    assert_ptr_equal(queue_pop(&f->queue), modest);
}

static void what_was_taken_too_early_goes_back_to_the_front(void **state)
{
    struct fixture *f = *state;
    struct entry *a = add(f, "p", "s");
    add(f, "p", "s");
    add(f, "p", "t");
    assert_ptr_equal(queue_pop(&f->queue), a);
    queue_unpop(&f->queue, a);
    assert_int_equal(f->queue.running, 0);
    assert_ptr_equal(queue_pop(&f->queue), a);
}

static void a_group_counts_what_waits_and_runs_and_forgets_what_ended(void **state)
{
    struct fixture *f = *state;
    struct entry *a = add(f, "p", "s");
    add(f, "p", "s");
    assert_int_equal(queue_group_active(&f->queue, "p", "s"), 2);
    assert_ptr_equal(queue_pop(&f->queue), a);
    assert_int_equal(queue_group_active(&f->queue, "p", "s"), 2);
    end(f, a);
    assert_int_equal(queue_group_active(&f->queue, "p", "s"), 1);
    assert_int_equal(queue_group_active(&f->queue, "p", "other"), 0);
}

static void without_a_session_the_principal_counts_and_nobody_does_not(void **state)
{
    struct fixture *f = *state;
    add(f, "alice", NULL);
    add(f, PRINCIPAL_ANONYMOUS, NULL);
    assert_int_equal(queue_group_active(&f->queue, "alice", NULL), 1);
    assert_int_equal(queue_group_active(&f->queue, PRINCIPAL_ANONYMOUS, NULL), 0);
}

static void another_principals_execution_is_not_found(void **state)
{
    struct fixture *f = *state;
    struct entry *a = add(f, "alice", NULL);
    assert_ptr_equal(registry_find_owned(&f->registry, a->id, "alice"), a);
    assert_null(registry_find_owned(&f->registry, a->id, "bob"));
}

/* Random pushes, pops, unpops and ends; counters and membership must agree with a plain array. */
static void counters_agree_with_a_model_under_random_use(void **state)
{
    struct fixture *f = *state;
    enum { N = 4000 };
    static struct entry *live[N];
    size_t n = 0;
    unsigned pending = 0, running = 0;
    srand(7);
    static const char *const sessions[] = {"a", "b", "c", "d"};
    for (int i = 0; i < N; i++) {
        int what = rand() % 4;
        if (what < 2) {
            live[n++] = add(f, "p", sessions[rand() % 4]);
            pending++;
        } else if (what == 2) {
            struct entry *e = queue_pop(&f->queue);
            assert_int_equal(e != NULL, pending > 0);
            if (e && rand() % 5 == 0)
                queue_unpop(&f->queue, e);
            else if (e)
                pending--, running++;
        } else if (n) {
            size_t k = (size_t)rand() % n;
            if (live[k]->phase == ENTRY_PENDING)
                pending--;
            else
                running--;
            end(f, live[k]);
            live[k] = live[--n];
        }
        assert_int_equal(f->queue.pending, pending);
        assert_int_equal(f->queue.running, running);
        assert_int_equal(f->registry.ended + n, map_size(f->registry.by_id));
    }
    for (size_t k = 0; k < n; k++)
        end(f, live[k]);
    assert_int_equal(map_size(f->queue.groups), 0);
    assert_true(list_is_empty(&f->queue.turns));
}

static void sizes_add_up_and_removal_gives_them_back(void **state)
{
    struct fixture *f = *state;
    struct entry *a = add(f, "p", "s"), *b = add(f, "p", "s");
    registry_set_size(&f->registry, a, 2, 100);
    registry_set_size(&f->registry, b, 1, 10);
    registry_set_size(&f->registry, a, 3, 200);
    assert_int_equal(f->registry.journal_bytes, 3 * 32 + 200 + 32 + 10);
    end(f, a);
    assert_ptr_equal(registry_oldest_ended(&f->registry), a);
    registry_remove(&f->registry, a);
    assert_int_equal(f->registry.journal_bytes, 32 + 10);
    assert_null(registry_oldest_ended(&f->registry));
}

static void what_was_asked_for_again_is_kept_longest(void **state)
{
    struct fixture *f = *state;
    struct entry *a = add(f, "p", "s"), *b = add(f, "p", "s");
    end(f, a);
    end(f, b);
    registry_touch(&f->registry, a, 5);
    assert_ptr_equal(registry_oldest_ended(&f->registry), b);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(one_session_goes_first_come_first_served),
        TEST(a_session_that_queues_much_does_not_keep_another_waiting),
        TEST(what_was_taken_too_early_goes_back_to_the_front),
        TEST(a_group_counts_what_waits_and_runs_and_forgets_what_ended),
        TEST(without_a_session_the_principal_counts_and_nobody_does_not),
        TEST(another_principals_execution_is_not_found),
        TEST(counters_agree_with_a_model_under_random_use),
        TEST(sizes_add_up_and_removal_gives_them_back),
        TEST(what_was_asked_for_again_is_kept_longest),
    };
    return cmocka_run_group_tests_name("queue and registry", tests, NULL, NULL);
}
