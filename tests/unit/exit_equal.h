#pragma once
/* Two ends are the same, member by member: the bytes between members are nobody's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "state/execution.h"

static inline void assert_exit_equal(const struct execution_exit *a, const struct execution_exit *b)
{
    assert_int_equal(a->reason, b->reason);
    assert_int_equal(a->exit_code, b->exit_code);
    assert_int_equal(a->term_signal, b->term_signal);
    assert_string_equal(a->error, b->error);
    /* The rest are uint64_t without gaps. */
    assert_memory_equal(&a->started_us, &b->started_us,
                        sizeof(*a) - offsetof(struct execution_exit, started_us));
}
