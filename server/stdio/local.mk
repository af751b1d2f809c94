# server/stdio/: pipes to exchanges.
noinst_LIBRARIES += libstdio.a
libstdio_a_SOURCES = \
    server/stdio/line_splitter.c server/stdio/line_splitter.h \
    server/stdio/pipe_exchange.c \
    server/stdio/pipe_home.c server/stdio/pipe_home.h \
    server/stdio/pipe_writer.c server/stdio/pipe_writer.h \
    server/stdio/private_dir.c server/stdio/private_dir.h \
    server/stdio/stdio.c server/stdio/stdio.h server/stdio/stdio_impl.h \
    server/stdio/stdio_serve.c
