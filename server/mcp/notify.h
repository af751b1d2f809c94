#pragma once
/* What a request says while it is under way: progress and log messages (mcp_progress and mcp_log
 * of pack.h), and the names of log levels. */

/* RFC 5424 section 6.2.1: emergency is 0, debug 7. -1: not a level. */
int log_level_number(const char *name);
