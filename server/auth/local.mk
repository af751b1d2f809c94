# server/auth/: who asks. Goes before HTTP_LIBS, which reads requests for it.
noinst_LIBRARIES += libauth.a
libauth_a_SOURCES = \
    server/auth/auth.c server/auth/auth.h \
    server/auth/token.c server/auth/token.h
AUTH_LIBS = libauth.a $(STATE_LIBS)
