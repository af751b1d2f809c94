# exec/: what runs. May include config/ and state/.
include exec/keeper/local.mk
noinst_LIBRARIES += libexec.a
libexec_a_SOURCES = exec/call.h
EXEC_LIBS = libexec.a libkeeper_wire.a $(STATE_LIBS) $(EVENT_LIBS)
