#pragma once
/* What execute_code answers with, now or as the result of a task. */
#include "server/mcp/output_request.h"

/* execution_id, status and what belongs to it. */
cJSON *execute_begin(const struct output_request *q, const struct execution_view *v);
/* What the client does next, in words. */
const char *execute_what_next(const struct execution_view *v);
/* All but the output, of q->facts. *ret_note: for the closing line of text, or NULL. */
cJSON *execute_structured(const struct output_request *q, const char **ret_note);
