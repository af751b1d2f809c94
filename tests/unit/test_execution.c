#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "state/base/macro.h"
#include "state/execution.h"

/* The contract's words, as clients see them. */
static const struct {
    enum execution_reason reason;
    const char *name, *status;
} reasons[] = {
    {REASON_NONE, "none", "running"},
    {REASON_EXITED, "exited", "completed"},
    {REASON_SIGNALED, "signaled", "completed"},
    {REASON_TIMEOUT, "timeout", "timeout"},
    {REASON_IDLE_TIMEOUT, "idle_timeout", "timeout"},
    {REASON_CANCELLED, "cancelled", "cancelled"},
    {REASON_OOM, "oom", "failed"},
    {REASON_CPU_LIMIT, "cpu_limit", "failed"},
    {REASON_FILE_SIZE_LIMIT, "file_size_limit", "failed"},
    {REASON_OUTPUT_LIMIT, "output_limit", "failed"},
    {REASON_SPAWN_FAILED, "spawn_failed", "failed"},
    {REASON_SHUTDOWN, "shutdown", "cancelled"},
    {REASON_LOST, "lost", "lost"},
};

static void every_reason_has_the_contracts_name_and_status(void **state)
{
    assert_int_equal(ARRAY_LEN(reasons), REASON_MAX + 1);
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        enum execution_reason back = REASON_MAX;
        assert_string_equal(execution_reason_name(reasons[i].reason), reasons[i].name);
        assert_string_equal(execution_status_name(execution_status_of(reasons[i].reason)),
                            reasons[i].status);
        assert_true(execution_reason_from_name(reasons[i].name, &back));
        assert_int_equal(back, reasons[i].reason);
    }
}

static void every_status_is_found_by_its_name(void **state)
{
    for (int s = EXECUTION_PENDING; s <= EXECUTION_STATUS_MAX; s++) {
        enum execution_status back = 0;
        const char *name = execution_status_name((enum execution_status)s);
        assert_true(execution_status_from_name(name, &back));
        assert_int_equal(back, s);
    }
    assert_string_equal(execution_status_name(EXECUTION_PENDING), "pending");
}

static void other_words_are_refused_and_nothing_is_written(void **state)
{
    enum execution_status status = EXECUTION_LOST;
    enum execution_reason reason = REASON_LOST;
    assert_false(execution_status_from_name("", &status));
    assert_false(execution_status_from_name("Running", &status));
    assert_false(execution_reason_from_name("exit", &reason));
    assert_int_equal(status, EXECUTION_LOST);
    assert_int_equal(reason, REASON_LOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reason_has_the_contracts_name_and_status),
        cmocka_unit_test(every_status_is_found_by_its_name),
        cmocka_unit_test(other_words_are_refused_and_nothing_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
