#pragma once
/*
 * What one kind of sandbox grants: the entries of sandbox.profiles in struct config. Their fields
 * are rows of a table like the keys', with offsets in struct config_profile; config_value_…() takes
 * a profile by config_profile_base().
 */
#include "config/config.h"
#include "config/problem.h"
#include "config/schema.h"
#include "config/yaml_tree.h"

extern const struct config_key config_profile_fields[];
extern const size_t config_n_profile_fields;

/* What the functions of config/value.h take for one of these fields. */
struct config *config_profile_base(struct config_profile *p);

const struct config_key *config_profile_field(const char *name); /* NULL: there is no such */
const char *config_profile_field_nearest(const char *name);      /* NULL: none is near */

/* The profile, made with the defaults of the table when it is new; *ret_index: where it is. NULL:
 * no name, or too many. */
struct config_profile *config_profile_make(struct config *c, const char *name, size_t *ret_index,
                                           struct config_problem *ret_problem);
/* NULL: there is no such. */
const struct config_profile *config_profile_find(const struct config *c, const char *name);
MUST_USE bool config_profile_set(struct config_profile *p, const struct config_key *field,
                                 const struct yaml_tree *node, struct config_problem *ret_problem);
void config_profile_free_all(struct config *c);
