# state/: what is true and where it is kept. May include config/.
noinst_LIBRARIES += libstate.a
libstate_a_SOURCES = state/base/macro.h
STATE_LIBS = libstate.a $(CONFIG_LIBS) $(CJSON_LIBS) $(SSL_LIBS) $(PCRE2_LIBS)
