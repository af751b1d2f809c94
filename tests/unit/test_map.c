#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "state/base/map.h"
#include "tests/unit/random.h"

static void finds_what_was_set(void **state)
{
    struct map *m = map_new();
    int one = 1, two = 2;
    assert_null(map_find(m, "a"));
    assert_null(map_set(m, "a", &one));
    assert_null(map_set(m, "", &two));
    assert_ptr_equal(map_find(m, "a"), &one);
    assert_ptr_equal(map_find(m, ""), &two);
    assert_null(map_find(m, "A"));
    assert_int_equal(map_size(m), 2);
    map_free(m);
}

static void replacing_takes_the_new_key_too(void **state)
{
    struct map *m = map_new();
    char *old_key = xstrdup("key"), *new_key = xstrdup("key");
    int one = 1, two = 2;
    assert_null(map_set(m, old_key, &one));
    assert_ptr_equal(map_set(m, new_key, &two), &one);
    /* A sanitizer tells if the entry still held this one. */
    free(old_key);
    assert_ptr_equal(map_find(m, "key"), &two);
    assert_int_equal(map_size(m), 1);
    map_free(m);
    free(new_key);
}

static void removes_once(void **state)
{
    struct map *m = map_new();
    int one = 1;
    (void)map_set(m, "a", &one);
    assert_ptr_equal(map_remove(m, "a"), &one);
    assert_null(map_remove(m, "a"));
    assert_null(map_find(m, "a"));
    assert_int_equal(map_size(m), 0);
    map_free(m);
    assert_null(map_free(NULL));
}

struct each {
    struct map *map;
    unsigned calls;
    bool seen[1000];
};

static void on_each(const char *key, void *value, void *arg)
{
    struct each *e = arg;
    e->calls++;
    e->seen[strtoul(key, NULL, 10)] = true;
    /* Every other one. */
    if (e->calls % 2)
        assert_ptr_equal(map_remove(e->map, key), value);
}

static void each_may_remove_the_entry_it_is_called_with(void **state)
{
    static char keys[1000][8];
    struct each e = {.map = map_new()};
    for (unsigned i = 0; i < 1000; i++) {
        (void)snprintf(keys[i], sizeof(keys[i]), "%u", i);
        (void)map_set(e.map, keys[i], keys[i]);
    }
    map_each(e.map, on_each, &e);
    assert_int_equal(e.calls, 1000);
    assert_int_equal(map_size(e.map), 500);
    for (unsigned i = 0; i < 1000; i++)
        assert_true(e.seen[i]);
    map_free(e.map);
}

/* Keys of all lengths around the eight bytes that the hash takes at once. */
static void equals_a_plain_array_under_random_operations(void **state)
{
    enum { KEYS = 3000 };
    static char keys[KEYS][40];
    static void *model[KEYS];
    static int values[16];
    struct random r = {.state = 7};
    struct map *m = map_new();
    size_t size = 0;

    for (int i = 0; i < KEYS; i++)
        (void)snprintf(keys[i], sizeof(keys[i]), "%.*s%d", i % 24, "abcdefghijklmnopqrstuvwx", i);
    for (int i = 0; i < 100000; i++) {
        size_t k = random_below(&r, KEYS);
        void *value = &values[random_below(&r, ARRAY_LEN(values))];
        if (random_below(&r, 2)) {
            assert_ptr_equal(map_set(m, keys[k], value), model[k]);
            size += !model[k];
            model[k] = value;
        } else {
            assert_ptr_equal(map_remove(m, keys[k]), model[k]);
            size -= model[k] != NULL;
            model[k] = NULL;
        }
        assert_int_equal(map_size(m), size);
        k = random_below(&r, KEYS);
        assert_ptr_equal(map_find(m, keys[k]), model[k]);
    }
    for (size_t k = 0; k < KEYS; k++)
        assert_ptr_equal(map_find(m, keys[k]), model[k]);
    map_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_set),
        cmocka_unit_test(replacing_takes_the_new_key_too),
        cmocka_unit_test(removes_once),
        cmocka_unit_test(each_may_remove_the_entry_it_is_called_with),
        cmocka_unit_test(equals_a_plain_array_under_random_operations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
