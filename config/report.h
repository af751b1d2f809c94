#pragma once
/* Where a value comes from, and what is said about it on stderr. */
#include <stdbool.h>

#include "config/problem.h"
#include "config/schema.h"

enum config_origin_kind { ORIGIN_DEFAULT, ORIGIN_FILE, ORIGIN_ENVIRONMENT, ORIGIN_FLAG };

struct config_origin {
    enum config_origin_kind kind;
    const char *name; /* borrowed: file, variable or flag with dashes; NULL: default */
    unsigned line;    /* file: from 1; 0: of the whole */
    bool is_bad;      /* a value was refused: what depends on it is not worth saying */
};

struct config_report {
    FILE *out; /* borrowed */
    unsigned n_errors;
};

/* A value that was refused. `path`: the key as the operator wrote it; `shown`: the value for a
 * message, "" when there is none to show. */
void report_value(struct config_report *r, const struct config_origin *o, const char *path,
                  const char *shown, const struct config_problem *p);
/* An error that is not about one value's form. */
PRINTF_LIKE(3, 4)
void report_error(struct config_report *r, const struct config_origin *o, const char *fmt, ...);
/* About a key whose value reads well and still cannot be: "config.yaml:3: server.host: …",
 * "SANDBOX_HOST: …". */
PRINTF_LIKE(4, 5)
void report_key(struct config_report *r, const struct config_origin *o, const struct config_key *k,
                const char *fmt, ...);
PRINTF_LIKE(4, 5)
void report_warning(struct config_report *r, const struct config_origin *o,
                    const struct config_key *k, const char *fmt, ...);

/* "default", "config.yaml:12", "environment SANDBOX_PORT", "flag --port". */
void report_write_origin(FILE *f, const struct config_origin *o);
