# exec/init/: the third program, mcp-exec-init, process 1 of a sandbox. Static, and without
# sanitizers, which need a C library and a file system that may not be there.
bin_PROGRAMS += mcp-exec-init
mcp_exec_init_SOURCES = exec/init/main.c exec/init/init_wire.h exec/init/report.c exec/init/report.h
mcp_exec_init_CPPFLAGS = -I$(top_srcdir) -D_GNU_SOURCE
mcp_exec_init_CFLAGS = -std=gnu17 $(WARN_CFLAGS)
mcp_exec_init_LDFLAGS = -static
if BARE_INIT
# Nor with the C library: see libc.c. The flags stand behind those of whoever builds, which may ask
# for what is in the C library: hardening, other names for the same calls.
mcp_exec_init_SOURCES += exec/init/libc.c
mcp_exec_init_LDFLAGS += -nostdlib
BARE_CFLAGS = -fno-builtin -fno-lto -fno-stack-protector -U_FORTIFY_SOURCE -U_FILE_OFFSET_BITS
$(mcp_exec_init_OBJECTS): override CFLAGS += $(BARE_CFLAGS)
endif
