# state/: what is true and where it is kept. May include config/.
noinst_LIBRARIES += libstate.a
libstate_a_SOURCES = \
    state/base/buf.c state/base/buf.h \
    state/base/clock.c state/base/clock.h \
    state/base/dir_remove.c \
    state/base/fd.c state/base/fd.h \
    state/base/id.c state/base/id.h \
    state/base/json.c state/base/json.h \
    state/base/json_scan.c state/base/json_scan.h \
    state/base/json_string.c state/base/json_string.h \
    state/base/json_text.c state/base/json_text.h \
    state/base/list.h \
    state/base/log.c state/base/log.h \
    state/base/log_file.c state/base/log_file.h \
    state/base/macro.h \
    state/base/map.c state/base/map.h \
    state/base/metrics.c state/base/metrics.h \
    state/base/utf8.c state/base/utf8.h \
    state/execution.c state/execution.h \
    state/journal.c state/journal.h state/journal_format.h \
    state/journal_exit.h state/journal_exit_read.c state/journal_note.c state/journal_note.h state/journal_exit_write.c \
    state/journal_sums.c \
    state/mirror.c state/mirror.h \
    state/mirror_answer.c state/mirror_impl.h \
    state/mirror_hasher.c state/mirror_hasher.h \
    state/mirror_script.c \
    state/mirror_slice.c state/mirror_slice.h \
    state/mirror_step.c \
    state/mirror_window.c state/mirror_window.h \
    state/record.c state/record.h \
    state/record_event.c \
    state/record_read.c \
    state/redis.c state/redis.h \
    state/redis_args.c \
    state/redis_channels.c state/redis_channels.h \
    state/redis_conn.c state/redis_conn.h \
    state/redis_dial.c state/redis_dial.h \
    state/redis_probe.c state/redis_probe.h \
    state/redis_link.c state/redis_link.h \
    state/redis_reply.c state/redis_reply.h \
    state/redis_resolve.c state/redis_resolve.h \
    state/redis_sentinel.c state/redis_sentinel.h \
    state/redis_stream.c state/redis_stream.h \
    state/redis_tls.c state/redis_tls.h \
    state/replica.c state/replica.h \
    state/session.c state/session.h state/session_file.c state/session_file.h \
    state/session_impl.h \
    state/session_record.c state/session_record.h \
    state/session_shared.c state/session_shared.h \
    state/peer_message.c state/peer_message.h \
    state/shadow_file.c state/shadow_file.h \
    state/spec.c state/spec.h \
    state/spec_sandbox.c state/spec_sandbox.h \
    state/strv.c state/strv.h
STATE_LIBS = libstate.a $(CONFIG_LIBS) $(CJSON_LIBS) $(HIREDIS_LIBS) $(EVENT_LIBS) $(SSL_LIBS) $(PCRE2_LIBS) -lm
