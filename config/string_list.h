#pragma once
/* Strings of a configuration: what they may hold, and lists of them from YAML and back. */
#include "config/problem.h"
#include "config/yaml_tree.h"

/* UTF-8, and without control characters unless it may have them (a NUL never gets here). */
MUST_USE bool string_list_check_text(const char *text, bool can_have_controls,
                                     struct config_problem *ret_problem);
/* The node is a list of such strings. */
MUST_USE bool string_list_check(const struct yaml_tree *node, bool can_have_controls,
                                struct config_problem *ret_problem);
/* A NULL-terminated copy of a list that was checked. */
char **string_list_copy(const struct yaml_tree *list);
void string_list_free(char **v); /* NULL is legal */
/* As a YAML list on one line. */
void string_list_write(FILE *f, char *const *v);
