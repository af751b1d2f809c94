# exec/keeper/: the second program, mcp-exec-keeper, and what both programs say to each other.
noinst_LIBRARIES += libkeeper_wire.a
libkeeper_wire_a_SOURCES = exec/keeper_wire.h
