#pragma once
/* What is wrong with a value. */
#include <stdbool.h>

#include "config/mem.h"

/* The rest of a sentence that begins with the value: "is not a size". */
struct config_problem {
    char text[240];
};

/* Says it, and returns false. */
PRINTF_LIKE(2, 3)
static inline bool config_refuse(struct config_problem *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(p->text, sizeof(p->text), fmt, ap);
    va_end(ap);
    return false;
}
