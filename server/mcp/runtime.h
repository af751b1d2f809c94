#pragma once
/*
 * What runs a command or code: argv, NULL-terminated. Arrays and strings are malloc'd and the
 * caller's (exec_spec_free() frees them).
 */
#include "config/config.h"
#include "state/base/macro.h"

/* The configured languages whose programs are there, looked up once: a look through PATH for each
 * start would find another program on another day. Constant afterwards, any thread. */
struct runtimes {
    struct runtime *v; /* owned, n of them */
    size_t n;
};

void runtimes_init(struct runtimes *r, const struct config *c); /* c outlives r */
void runtimes_deinit(struct runtimes *r);

/* What the i-th is called by: argv[0] as configured, e.g. "python3". */
const char *runtime_program(const struct runtimes *r, size_t i);
/* The configured shell with -c. */
char **runtime_shell(const struct config *c, const char *command);
/* The language's runtime; py, js, shell and the like stand for the usual names. NULL and *ret_error
 * (malloc'd, for the client) when there is none. */
char **runtime_code(const struct runtimes *r, const char *language, const char *code,
                    char **ret_error);

/* Appends to a NULL-terminated array of n strings. */
void strv_append(char ***v, size_t *n, char *taken);
