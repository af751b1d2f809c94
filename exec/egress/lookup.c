/*
 * Names to addresses. By evdns, not by getaddrinfo(3) on threads: that can't be given up, so a few
 * names whose servers are silent would hold up the names of all other executions. What is lost is
 * the rest of nsswitch.conf; /etc/hosts is read.
 */
#include <arpa/inet.h>

#include <event2/dns.h>
#include <event2/util.h>

#include "exec/egress/egress_impl.h"

struct lookup {
    struct evdns_getaddrinfo_request *request; /* evdns owns it */
    lookup_fn *fn;
    void *arg;
    bool is_starting; /* fn was not left yet: it is for lookup_start() to free */
    bool is_done, is_cancelled;
};

static void take(const struct evutil_addrinfo *ai, struct lookup_result *r)
{
    for (; ai && r->n < LOOKUP_ADDRESSES_MAX; ai = ai->ai_next) {
        if (ai->ai_addrlen > sizeof(r->v[0]) ||
            (ai->ai_family != AF_INET && ai->ai_family != AF_INET6))
            continue;
        memcpy(&r->v[r->n++], ai->ai_addr, ai->ai_addrlen);
    }
}

static void on_answer(int error, struct evutil_addrinfo *ai, void *arg)
{
    struct lookup *l = arg;
    struct lookup_result r = {0};

    if (error == 0)
        take(ai, &r);
    if (ai)
        evutil_freeaddrinfo(ai);
    l->is_done = true;
    if (!l->is_cancelled)
        l->fn(l->arg, error == 0 && r.n == 0 ? EVUTIL_EAI_NODATA : error, &r);
    if (!l->is_starting)
        free(l);
}

struct lookup *lookup_start(struct evdns_base *dns, const char *host, lookup_fn *fn, void *arg)
{
    const struct evutil_addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP};
    struct lookup *l = xcalloc(1, sizeof(*l));

    l->fn = fn;
    l->arg = arg;
    l->is_starting = true;
    l->request = evdns_getaddrinfo(dns, host, NULL, &hints, on_answer, l);
    l->is_starting = false;
    if (!l->is_done)
        return l;
    free(l);
    return NULL;
}

/* The answer comes all the same, and says that it was cancelled. */
void lookup_cancel(struct lookup *l)
{
    l->is_cancelled = true;
    evdns_getaddrinfo_cancel(l->request);
}

socklen_t lookup_len(const struct sockaddr_storage *a)
{
    return a->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

void lookup_set_port(struct lookup_result *r, unsigned port)
{
    for (size_t i = 0; i < r->n; i++) {
        if (r->v[i].ss_family == AF_INET)
            ((struct sockaddr_in *)&r->v[i])->sin_port = htons((uint16_t)port);
        else
            ((struct sockaddr_in6 *)&r->v[i])->sin6_port = htons((uint16_t)port);
    }
}

bool lookup_literal(const char *host, unsigned port, struct lookup_result *ret)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&ret->v[0];
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ret->v[0];

    *ret = (struct lookup_result){.n = 1};
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1)
        v4->sin_family = AF_INET;
    else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1)
        v6->sin6_family = AF_INET6;
    else
        return false;
    lookup_set_port(ret, port);
    return true;
}
