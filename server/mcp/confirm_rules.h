#pragma once
/* Which commands an operator wants to be asked about (the section confirm of the configuration).
 * Pure but for the memory of a match; any thread. */
#include "config/config.h"
#include "state/spec.h"

/* The rule that holds for what is to be run, in words ("confirm.commands \"rm -rf\""), malloc'd;
 * NULL: none. What can't be looked through within bounds counts as a match. */
char *confirm_rule_find(const struct config *c, const struct exec_spec *spec);
