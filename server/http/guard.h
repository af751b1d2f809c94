#pragma once
/* What every request must pass before it is anybody's: a head that has one meaning, a Host that is
 * ours (DNS rebinding), an Origin that is allowed. Home threads. */
#include "server/http/exchange_impl.h"

struct refusal {
    int status;
    const char *text; /* for {"error": …}; static */
};

/* NULL: it passes, and x->origin is set when there is one. */
const struct refusal *guard_check(struct exchange *x);
