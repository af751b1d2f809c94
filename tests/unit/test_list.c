#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "state/base/list.h"

struct item {
    int number;
    struct list link;
};

/* The numbers of the list's items as one decimal number, the first in front. */
static int spell(struct list *head)
{
    int n = 0;
    list_for_each (it, head)
        n = n * 10 + CONTAINER_OF(it, struct item, link)->number;
    return n;
}

static void keeps_the_order_of_appending(void **state)
{
    struct list head;
    struct item a = {.number = 1}, b = {.number = 2}, c = {.number = 3};
    list_init(&head);
    assert_true(list_is_empty(&head));
    assert_null(list_first(&head));
    list_append(&head, &a.link);
    list_append(&head, &b.link);
    list_append(&head, &c.link);
    assert_int_equal(spell(&head), 123);
    assert_ptr_equal(list_first(&head), &a.link);
    list_remove(&b.link);
    assert_int_equal(spell(&head), 13);
}

static void a_link_knows_whether_it_is_linked(void **state)
{
    struct list head;
    struct item a = {0};
    list_init(&head);
    assert_false(list_is_linked(&a.link));
    list_append(&head, &a.link);
    assert_true(list_is_linked(&a.link));
    list_remove(&a.link);
    assert_false(list_is_linked(&a.link));
    list_remove(&a.link);
    assert_true(list_is_empty(&head));
}

static void moves_all_members(void **state)
{
    struct list from, to;
    struct item a = {.number = 1}, b = {.number = 2};
    list_init(&from);
    list_init(&to);
    list_move_all(&from, &to);
    assert_true(list_is_empty(&to));
    list_append(&from, &a.link);
    list_append(&from, &b.link);
    list_move_all(&from, &to);
    assert_true(list_is_empty(&from));
    assert_int_equal(spell(&to), 12);
}

static void members_may_leave_while_it_is_walked(void **state)
{
    struct list head;
    struct item items[] = {{.number = 1}, {.number = 2}, {.number = 3}, {.number = 4}};
    list_init(&head);
    for (size_t i = 0; i < ARRAY_LEN(items); i++)
        list_append(&head, &items[i].link);
    list_for_each_safe (it, next, &head) {
        if (CONTAINER_OF(it, struct item, link)->number % 2)
            list_remove(it);
    }
    assert_int_equal(spell(&head), 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_order_of_appending),
        cmocka_unit_test(a_link_knows_whether_it_is_linked),
        cmocka_unit_test(moves_all_members),
        cmocka_unit_test(members_may_leave_while_it_is_walked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
