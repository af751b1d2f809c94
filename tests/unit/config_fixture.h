#pragma once
/* Runs the configuration as main() would, with a file, an environment, flags and a machine of its
 * own, in a directory of its own; keeps what it printed. */
#include "config/load.h"

struct setup {
    const char *yaml;      /* becomes config.yaml and --config config.yaml; NULL: no file */
    const char *env[8];    /* NAME=VALUE */
    const char *flags[16]; /* after --config */
    const char *host_name; /* NULL: "unit" */
    const char *state_dir; /* the system's; NULL: one that can be made */
    const char *etc_file;  /* the file that is read without --config; NULL: one that is not there */
};

struct outcome {
    enum config_action action;
    struct config *config; /* CONFIG_RUN only, else NULL */
    char *out, *errors;
};

/* For cmocka_run_group_tests: makes an empty directory the current one, and takes it away. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

void fixture_write(const char *name, const char *text);
/* NULL, or the caller's. */
char *fixture_read(const char *path);
struct outcome fixture_run(const struct setup *s);
#define RUN(...) fixture_run(&(const struct setup){__VA_ARGS__})
void outcome_deinit(struct outcome *o);
/* Runs it and holds what it says on stderr and how it ends against what is wanted. */
void fixture_check(const struct setup *s, enum config_action action, const char *errors);
