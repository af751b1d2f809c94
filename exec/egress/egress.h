#pragma once
/*
 * The way out of sandboxes that may reach some hosts: a proxy (HTTP CONNECT, absolute-form HTTP,
 * SOCKS5) on a thread and loop of its own, so that traffic slows nothing else. Commands reach it by
 * a listening socket that was made inside their network namespace and handed out: a site, one for
 * each execution, with its policy and credential. There is no other way into it.
 *
 *    reactor ── egress_add(id, listener, policy) ──►  site ── accepts ──► connection ──► upstream
 *            ── egress_remove(id)                ──►    └── on_note(id, …): what was refused
 */
#include "exec/egress/policy.h"

struct egress;

struct egress_options {
    unsigned max_connections, max_per_execution;
    size_t max_header_bytes; /* the head of a request */
    uint64_t head_timeout_ms, connect_timeout_ms, idle_timeout_ms;
    char *const *nameservers; /* borrowed until egress_new() returns; empty: /etc/resolv.conf */
    const char *hosts_file;   /* the same; NULL: none */
    /* A note for the execution's journal (journal_note.h). On the proxy's thread. */
    void (*on_note)(void *arg, const char *id, const char *note);
    void *arg;
};

MUST_USE int egress_new(const struct egress_options *o, struct egress **ret); /* 0 or -errno */
MUST_USE int egress_start(struct egress *e);
/* Hangs up on everybody and ends the thread. */
void egress_stop(struct egress *e);
struct egress *egress_free(struct egress *e); /* NULL is legal; it must not run */

/* Any thread; takes the descriptor and the policy. One that is there already stays as it is. */
void egress_add(struct egress *e, const char *id, int listener_fd, struct egress_policy *policy);
/* The execution has ended: hangs up on what is left of it. */
void egress_remove(struct egress *e, const char *id);
