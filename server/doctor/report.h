#pragma once
/*
 * The lines of a doctor's report: ok; warn, it works but less well than it could; fail, it does
 * not. One thread.
 *
 *    warn  memory limit: holds for each process by itself
 *          mend: systemctl edit mcp-execd.service, and add [Service] Delegate=yes
 */
#include <stdio.h>

#include "config/config.h"
#include "state/base/macro.h"

struct doctor {
    const struct config *config; /* borrowed */
    FILE *out;                   /* borrowed */
    unsigned n_warnings, n_failures;
};

PRINTF_LIKE(3, 4)
void doctor_ok(struct doctor *d, const char *what, const char *fmt, ...);
/* mend: a command, or words; NULL: nothing can be done. */
PRINTF_LIKE(4, 5)
void doctor_warn(struct doctor *d, const char *what, const char *mend, const char *fmt, ...);
PRINTF_LIKE(4, 5)
void doctor_fail(struct doctor *d, const char *what, const char *mend, const char *fmt, ...);

/* The parts, each a file of this folder. */
void doctor_check_sandbox(struct doctor *d);
void doctor_check_limits(struct doctor *d);
void doctor_check_system(struct doctor *d);
void doctor_check_redis(struct doctor *d);
void doctor_check_nginx(struct doctor *d, const char *file);
