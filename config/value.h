#pragma once
/*
 * One value of one key: read from text or YAML into struct config, written back as YAML, shown in a
 * message, freed. Knows types and bounds, not where a value comes from.
 */
#include "config/problem.h"
#include "config/schema.h"
#include "config/units.h"
#include "config/yaml_tree.h"

/* Sets a scalar key from text; NULL: the file gives it no value. false: *ret_problem says why and
 * the old value stands. */
MUST_USE bool config_value_set_text(struct config *c, const struct config_key *k, const char *text,
                                    struct config_problem *ret_problem);
/* Sets a list key from a YAML list. */
MUST_USE bool config_value_set_list(struct config *c, const struct config_key *k,
                                    const struct yaml_tree *node,
                                    struct config_problem *ret_problem);
bool config_type_is_scalar(enum config_type type);

/* Strings, secrets and URLs. */
char **config_value_string(struct config *c, const struct config_key *k);

/* The value as it would stand in a file, on one line; secrets masked. Not for runtimes
 * and profiles. */
void config_value_write(FILE *f, const struct config *c, const struct config_key *k);

/* A number, size or duration with its unit. */
void config_value_format_number(enum config_type type, uint64_t value, char text[UNITS_TEXT_MAX]);

/* "64X" for a message: quoted, cut, without control characters, masked when it is a secret. */
char *config_value_show(const struct config_key *k, const char *text);

/* Frees what the key owns, secrets wiped. */
void config_value_deinit(struct config *c, const struct config_key *k);
