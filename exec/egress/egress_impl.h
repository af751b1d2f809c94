#pragma once
/* Between the proxy's own files. The proxy's thread only. */
#include <netinet/in.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "exec/egress/egress.h"
#include "exec/egress/http_body.h"
#include "exec/egress/socks.h"
#include "state/base/list.h"
#include "state/base/map.h"
#include "state/execution.h"

struct evdns_base;

struct egress_core {
    struct egress_options o;
    struct event_base *base; /* owned */
    struct evdns_base *dns;  /* owned */
    struct map *sites;       /* owned; id -> site */
    unsigned n_conns;
};

/* ---- site.c ---- */

/* What was refused is told once. */
#define SITE_TOLD_MAX 64

struct egress_site {
    struct egress_core *core; /* borrowed */
    char id[EXECUTION_ID_MAX + 1];
    struct egress_policy *policy; /* owned */
    int fd;                       /* owned: the listener */
    struct event *acceptable;     /* owned */
    struct event *again;          /* owned: accepts again after it had to stop */
    struct list conns;
    unsigned n_conns;
    uint64_t told[SITE_TOLD_MAX]; /* hashes */
    unsigned n_told;
};

/* Takes fd and policy, also when it fails. NULL: it could not be watched. */
struct egress_site *site_new(struct egress_core *core, const char *id, int fd,
                             struct egress_policy *policy);
struct egress_site *site_free(struct egress_site *s);
/* The execution is told what was refused, and why: once for each host, port and reason. */
void site_tell(struct egress_site *s, enum egress_verdict v, const char *host, unsigned port,
               const char *message);
void site_conn_gone(struct egress_site *s);

/* ---- lookup.c ---- */

#define LOOKUP_ADDRESSES_MAX 8

struct lookup_result {
    struct sockaddr_storage v[LOOKUP_ADDRESSES_MAX];
    size_t n;
};

struct lookup;
/* error: of evutil_gai_strerror(); 0: there are addresses. */
typedef void lookup_fn(void *arg, int error, const struct lookup_result *r);
/* fn is called once, at the earliest before this returns, unless it is cancelled. NULL: it was. */
struct lookup *lookup_start(struct evdns_base *dns, const char *host, lookup_fn *fn, void *arg);
void lookup_cancel(struct lookup *l);
/* An address that needs none. */
MUST_USE bool lookup_literal(const char *host, unsigned port, struct lookup_result *ret);
void lookup_set_port(struct lookup_result *r, unsigned port);
socklen_t lookup_len(const struct sockaddr_storage *a);

/* ---- conn.c: one client ----
 *
 *   HEAD ── a request that the policy allows ──► RESOLVING ──► CONNECTING ──► RELAY
 *     └────────── refused, or it failed ────────────┴──────────────┴──► CLOSING
 */

enum conn_state { CONN_HEAD = 1, CONN_RESOLVING, CONN_CONNECTING, CONN_RELAY, CONN_CLOSING };
enum conn_protocol { CONN_UNKNOWN = 0, CONN_HTTP, CONN_SOCKS };
enum socks_step { SOCKS_STEP_GREETING = 0, SOCKS_STEP_PASSWORD, SOCKS_STEP_REQUEST };

struct conn {
    struct list link;         /* of the site */
    struct egress_site *site; /* borrowed: it holds us */
    enum conn_state state;
    enum conn_protocol protocol;
    enum socks_step socks_step;
    struct bufferevent *client, *upstream; /* owned; upstream: NULL before RELAY */
    struct event *timer;                   /* owned: the deadline of the state; idle in RELAY */
    uint64_t active_ms;                    /* RELAY: when something last moved */
    enum host_kind kind;
    char host[HOST_NAME_MAX_LEN + 1];
    unsigned port;
    struct buf upstream_head; /* HTTP, absolute-form: sent first */
    struct http_body body;    /* the same: what may follow */
    bool is_tunnel;           /* CONNECT, SOCKS: everything may follow */
    struct lookup *lookup;    /* owned while it runs */
    struct lookup_result addresses;
    size_t next_address;
    int upstream_fd;           /* owned while it connects; -1 */
    struct event *connectable; /* owned while it connects */
    int connect_error;         /* errno of the last that failed */
    bool client_ended, upstream_ended, upstream_failed;
};

/* Takes fd. */
void conn_new(struct egress_site *s, int fd);
struct conn *conn_free(struct conn *c);
void conn_set_timer(struct conn *c, uint64_t ms);
/* Closes once what is queued for the client has left. */
void conn_close(struct conn *c);

/* conn_request.c: what the client asks for. */
void conn_read_head(struct conn *c); /* more has come */
/* The answer to a request that can't be served. */
enum conn_failure {
    CONN_UNAUTHORIZED,
    CONN_BAD_REQUEST,
    CONN_HEAD_TOO_LARGE,
    CONN_NO_HOST,     /* its name can't be resolved */
    CONN_NOT_REACHED, /* nobody answers there */
    CONN_TIMED_OUT,
    CONN_FAILURES
};
void conn_fail(struct conn *c, enum conn_failure f, const char *text);
void conn_refuse(struct conn *c, enum egress_verdict v);
/* The answer that it is connected; SOCKS and CONNECT. */
void conn_accept(struct conn *c);

/* conn_connect.c: host and port are known and allowed. */
void conn_connect(struct conn *c);
void conn_stop_connecting(struct conn *c);

/* relay.c: bytes in both ways. */
void relay_start(struct conn *c);
