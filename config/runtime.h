#pragma once
/* How code of a language is run: the entries of exec.runtimes in struct config. */
#include "config/config.h"
#include "config/problem.h"
#include "config/yaml_tree.h"

/* Sets or replaces one language; *ret_index: where in c->runtimes it is. An empty list leaves an
 * entry with an empty argv, so that --print-config can tell; config_runtime_drop_removed() ends it.
 */
MUST_USE bool config_runtime_set(struct config *c, const char *language,
                                 const struct yaml_tree *node, size_t *ret_index,
                                 struct config_problem *ret_problem);
void config_runtime_drop_removed(struct config *c);
void config_runtime_free_all(struct config *c);
