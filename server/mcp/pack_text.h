#pragma once
/* What the pack says of itself to models. */
#include "config/config.h"

/* Without the file tools where there are none, and with what the sandbox in force does not let last
 * or reach. The caller's. */
char *pack_exec_instructions(const struct config *c);
extern const char pack_exec_help[], pack_exec_help_no_files[];
