#pragma once
/* Pages of a principal's executions, and the cursors between them. Pure. */
#include "exec/call.h"

#define EXECUTION_CURSOR_MAX (EXECUTION_ID_MAX + 24)

/* Behind this execution the next page begins. Opaque to clients. */
void execution_cursor_format(const struct execution_view *last, char ret[EXECUTION_CURSOR_MAX + 1]);
/* Sets where a CALL_LIST begins. False: it is no cursor of ours. */
bool execution_cursor_apply(const char *cursor, struct call *c);
/* The cursor of the page after this answer to a CALL_LIST; false: this was the last. */
bool execution_cursor_next(const struct call *c, char ret[EXECUTION_CURSOR_MAX + 1]);
