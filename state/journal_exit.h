#pragma once
/* How an execution ended as JSON: the file exit, and a member of records in Redis. */
#include <cjson/cJSON.h>

#include "state/base/json_text.h"
#include "state/execution.h"

#define JOURNAL_EXIT_FIELDS 17
extern const struct json_u64_field journal_exit_fields[JOURNAL_EXIT_FIELDS];

void journal_exit_write(struct buf *b, const struct execution_exit *e);
/* False: that is no such object. */
bool journal_exit_read(const cJSON *o, struct execution_exit *ret);
