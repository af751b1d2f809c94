#pragma once
/* Checks JSON against the part of JSON Schema that our tools use. One thread. */
#include "state/base/json.h"

/* NULL, or a malloc'd text: where it does not conform. An object with members that its schema does
 * not know is wrong even where the schema is open: nothing undocumented may go out. */
char *json_schema_check(const cJSON *schema, const cJSON *value);
