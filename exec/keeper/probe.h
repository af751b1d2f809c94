#pragma once
/* `mcp-exec-keeper --probe`: makes the sandbox of the start that comes on its standard input, and
 * ends it again. One thread; blocks. */
struct keeper;

/* The exit status: 0, it can be made; else what is wrong is on standard output, one line. */
int probe_run(struct keeper *k);
