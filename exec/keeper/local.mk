# exec/keeper/: the second program, mcp-exec-keeper, and what both programs say to each other.
noinst_LIBRARIES += libkeeper_wire.a
libkeeper_wire_a_SOURCES = \
	exec/keeper_wire.c exec/keeper_wire.h \
	exec/keeper/codec.c exec/keeper/codec.h \
	exec/keeper/packets.c exec/keeper/packets.h

# Apart from main.c, so that tests can link the parts.
noinst_LIBRARIES += libkeeper.a
libkeeper_a_SOURCES = \
	exec/keeper/cgroup.c exec/keeper/cgroup.h \
	exec/keeper/cgroup_file.c exec/keeper/cgroup_file.h \
	exec/keeper/cgroup_find.c exec/keeper/cgroup_find.h \
	exec/keeper/cgroup_host.c exec/keeper/cgroup_host.h \
	exec/keeper/child.c exec/keeper/child.h \
	exec/keeper/child_end.c \
	exec/keeper/child_sandbox.c \
	exec/keeper/child_limits.c \
	exec/keeper/child_start.c \
	exec/keeper/clients.c exec/keeper/clients.h \
	exec/keeper/clone.h \
	exec/keeper/hash.h \
	exec/keeper/input.c exec/keeper/input.h \
	exec/keeper/journal_writer.c exec/keeper/journal_writer.h \
	exec/keeper/keeper.h \
	exec/keeper/limits.c exec/keeper/limits.h \
	exec/keeper/loop.c exec/keeper/loop.h \
	exec/keeper/options.c exec/keeper/options.h \
	exec/keeper/pool.c exec/keeper/pool.h \
	exec/keeper/probe.c exec/keeper/probe.h \
	exec/keeper/proc.c exec/keeper/proc.h \
	exec/keeper/procfs.c exec/keeper/procfs.h \
	exec/keeper/pty.c exec/keeper/pty.h \
	exec/keeper/reader.c exec/keeper/reader.h \
	exec/keeper/reexec.c exec/keeper/reexec.h \
	exec/keeper/reserve.c exec/keeper/reserve.h \
	exec/keeper/sandbox.c exec/keeper/sandbox.h \
	exec/keeper/sandbox_start.c \
	exec/keeper/spawn.c exec/keeper/spawn.h \
	exec/keeper/stdio.c exec/keeper/stdio.h \
	exec/keeper/steps.c exec/keeper/steps.h \
	exec/keeper/sweep.c exec/keeper/sweep.h \
	exec/keeper/tree.c exec/keeper/tree.h \
	exec/keeper/waiting.c exec/keeper/waiting.h
# No JSON parser, TLS or regular expressions: only the archive, not STATE_LIBS.
KEEPER_LIBS = libkeeper.a libkeeper_wire.a libstate.a

bin_PROGRAMS += mcp-exec-keeper
mcp_exec_keeper_SOURCES = exec/keeper/main.c
mcp_exec_keeper_LDADD = $(KEEPER_LIBS)
