# state/: what is true and where it is kept. May include config/.
noinst_LIBRARIES += libstate.a
libstate_a_SOURCES = \
    state/base/buf.c state/base/buf.h \
    state/base/clock.c state/base/clock.h \
    state/base/dir_remove.c \
    state/base/fd.c state/base/fd.h \
    state/base/id.c state/base/id.h \
    state/base/list.h \
    state/base/macro.h \
    state/base/map.c state/base/map.h \
    state/base/utf8.c state/base/utf8.h \
    state/execution.c state/execution.h
STATE_LIBS = libstate.a $(CONFIG_LIBS) $(CJSON_LIBS) $(SSL_LIBS) $(PCRE2_LIBS)
