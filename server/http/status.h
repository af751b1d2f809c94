#pragma once
/* Status codes in words. Pure, any thread. */

const char *status_reason(int status); /* RFC 9110 15; "Status" for one that is not in the table */
const char *status_class(int status);  /* "2xx", for metrics */
