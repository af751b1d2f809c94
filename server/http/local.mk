# server/http/: sockets to exchanges. Knows no MCP.
noinst_LIBRARIES += libhttp.a
libhttp_a_SOURCES = \
    server/http/authority.c server/http/authority.h \
    server/http/cors.c server/http/cors.h \
    server/http/exchange.c server/http/exchange_impl.h \
    server/http/guard.c server/http/guard.h \
    server/http/hangup.c server/http/hangup.h \
    server/http/head.c server/http/head.h \
    server/http/health.c server/http/health.h \
    server/http/home.c server/http/home.h \
    server/http/home_timer.c \
    server/http/http.c server/http/http.h server/http/http_impl.h \
    server/http/linger.c server/http/linger.h \
    server/http/listener.c server/http/listener.h \
    server/http/listener_bind.c \
    server/http/router.c server/http/router.h \
    server/http/status.c server/http/status.h \
    server/http/stream.c
HTTP_LIBS = libhttp.a libexchange.a $(EXEC_LIBS) $(H2O_LIBS) $(SSL_LIBS)
