#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "state/base/clock.h"

static void runs_forward(void **state)
{
    uint64_t before = clock_mono_us();
    assert_true(before > 0);
    assert_true(clock_mono_us() >= before);
    assert_true(clock_mono_ms() >= before / 1000);
    /* 2020-01-01: the real clock counts from 1970. */
    assert_true(clock_real_us() > UINT64_C(1577836800000000));
}

static void stands_still_while_it_is_held(void **state)
{
    clock_hold(5000999, 7000000);
    assert_int_equal(clock_mono_us(), 5000999);
    assert_int_equal(clock_mono_ms(), 5000);
    assert_int_equal(clock_real_us(), 7000000);
    clock_hold(0, 0);
    assert_true(clock_real_us() > UINT64_C(1577836800000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_forward),
        cmocka_unit_test(stands_still_while_it_is_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
