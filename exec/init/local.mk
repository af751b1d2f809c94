# exec/init/: the third program, mcp-exec-init, process 1 of a sandbox. Static, by a compiler of its
# own (configure.ac), and without sanitizers, which need a C library and files that may not be there.
bin_PROGRAMS += mcp-exec-init
mcp_exec_init_SOURCES = exec/init/main.c exec/init/init_wire.h exec/init/report.c exec/init/report.h
mcp_exec_init_CPPFLAGS = -I$(top_srcdir) -D_GNU_SOURCE
mcp_exec_init_CFLAGS = -std=gnu17 $(WARN_CFLAGS)
mcp_exec_init_LINK = $(INIT_CC) $(CFLAGS) -static $(LDFLAGS) -o $@
$(mcp_exec_init_OBJECTS): CC = $(INIT_CC)
