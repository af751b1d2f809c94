# exec/: what runs. May include config/ and state/.
include exec/init/local.mk
include exec/keeper/local.mk
noinst_LIBRARIES += libexec.a
libexec_a_SOURCES = \
	exec/call.c exec/call.h \
	exec/egress/address.c exec/egress/address.h \
	exec/egress/conn.c \
	exec/egress/conn_connect.c \
	exec/egress/conn_request.c \
	exec/egress/egress.c exec/egress/egress.h \
	exec/egress/host.c exec/egress/host.h \
	exec/egress/http_body.c exec/egress/http_body.h \
	exec/egress/http_head.c exec/egress/http_head.h \
	exec/egress/lookup.c \
	exec/egress/policy.c exec/egress/policy.h \
	exec/egress/relay.c \
	exec/egress/site.c \
	exec/egress/socks.c exec/egress/socks.h \
	exec/egress/egress_impl.h \
	exec/inbox.c exec/inbox.h \
	exec/janitor.c exec/janitor.h \
	exec/isolation.c exec/isolation.h exec/isolation_try.c \
	exec/keeper_path.c exec/keeper_path.h \
	exec/keeper_client.c exec/keeper_client.h \
	exec/keeper_launch.c exec/keeper_launch.h \
	exec/lost.c exec/lost.h \
	exec/list_news.c exec/list_news.h \
	exec/measurer.c exec/measurer.h \
	exec/news.c exec/news.h \
	exec/peer_command.c exec/peer_command.h \
	exec/peer_list.c exec/peer_serve.c \
	exec/peers.c exec/peers.h exec/peers_impl.h \
	exec/queue.c exec/queue.h \
	exec/quota.c exec/quota.h \
	exec/reactor.c exec/reactor.h \
	exec/registry.c exec/registry.h \
	exec/reserve.c exec/reserve.h \
	exec/retention.c \
	exec/sandbox_filter.c exec/sandbox_filter.h \
	exec/sandbox_paths.c exec/sandbox_paths.h \
	exec/sandbox_wrap.c exec/sandbox_wrap.h \
	exec/service.c exec/service.h \
	exec/service_egress.c \
	exec/service_input.c \
	exec/service_keeper.c exec/service_list.c \
	exec/service_mirror.c \
	exec/service_start.c \
	exec/session_round.c exec/session_round.h \
	exec/session_share.c exec/session_share.h \
	exec/shadow.c exec/shadow.h \
	exec/shadow_fetch.c exec/shadow_refill.c \
	exec/sweep.c \
	exec/tree_limits.c exec/tree_limits.h \
	exec/waiter.c exec/waiter.h \
	exec/workspaces.c exec/workspaces.h
EXEC_LIBS = libexec.a libkeeper_wire.a $(STATE_LIBS) $(EVENT_LIBS) $(SECCOMP_LIBS)
