#pragma once
/* The members of the file exit, for its writer and its reader. */
#include "state/base/json_text.h"

#define JOURNAL_EXIT_FIELDS 17
extern const struct json_u64_field journal_exit_fields[JOURNAL_EXIT_FIELDS];
