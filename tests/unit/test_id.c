#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "state/base/id.h"
#include "state/base/map.h"

#define RANDOM_PART "abcdefghijklmnopqrstuvwx27"

static void makes_valid_ids_that_carry_their_replica(void **state)
{
    static const char *const replicas[] = {"r", "host_1", "abcdefghijklmnopqrstuvwx"};
    for (size_t i = 0; i < ARRAY_LEN(replicas); i++) {
        char id[ID_MAX + 1];
        id_make(replicas[i], id);
        assert_true(id_is_valid(id));
        assert_true(id_has_replica(id, replicas[i]));
        assert_int_equal(strlen(id), strlen(replicas[i]) + 1 + ID_RANDOM_CHARS);
    }
}

static void ids_differ_and_use_the_whole_alphabet(void **state)
{
    static char ids[1000][ID_MAX + 1];
    struct map *seen = map_new();
    char used[256] = {0};

    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        id_make("r", ids[i]);
        assert_null(map_set(seen, ids[i], ids[i]));
        for (const char *p = ids[i] + 2; *p; p++)
            used[(unsigned char)*p] = 1;
    }
    for (const char *p = "abcdefghijklmnopqrstuvwxyz234567"; *p; p++)
        assert_true(used[(unsigned char)*p]);
    map_free(seen);
}

static void refuses_what_has_not_the_form(void **state)
{
    static const char *const bad[] = {
        "",
        "-",
        "r",
        "r-",
        RANDOM_PART,
        "-" RANDOM_PART,
        "r-" RANDOM_PART "a",
        "r-abcdefghijklmnopqrstuvwx2",
        "R-" RANDOM_PART,
        "r.1-" RANDOM_PART,
        "r-1-" RANDOM_PART,
        "../r-" RANDOM_PART,
        "r-abcdefghijklmnopqrstuvwx21",
        "r-abcdefghijklmnopqrstuvwx2A",
        "r-abcdefghijklmnopqrstuvwx/7",
        "abcdefghijklmnopqrstuvwxy-" RANDOM_PART,
        "r-" RANDOM_PART "\n",
    };
    assert_true(id_is_valid("r-" RANDOM_PART));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (id_is_valid(bad[i]))
            fail_msg("taken: %s", bad[i]);
}

static void another_replica_is_not_taken_for_its_own(void **state)
{
    assert_true(id_has_replica("r1-" RANDOM_PART, "r1"));
    assert_false(id_has_replica("r1-" RANDOM_PART, "r"));
    assert_false(id_has_replica("r1-" RANDOM_PART, "r12"));
    assert_false(id_has_replica("r1-" RANDOM_PART, ""));
    assert_false(id_has_replica("r1", "r1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_valid_ids_that_carry_their_replica),
        cmocka_unit_test(ids_differ_and_use_the_whole_alphabet),
        cmocka_unit_test(refuses_what_has_not_the_form),
        cmocka_unit_test(another_replica_is_not_taken_for_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
