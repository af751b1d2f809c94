#pragma once
/*
 * An outlet: where the answers to one POST go. It holds the HTTP reply back as long as that is
 * possible, so that a status can still be chosen: a request that is answered before it said
 * anything else gets plain JSON. The first notification, a question to the client, or a long wait
 * commits it to an event stream. A batch is one JSON array or one event each. The requests of an
 * HTTP+SSE channel answer on its stream. Home thread; counted by its requests and its maker.
 */
#include <stdbool.h>

#include "server/exchange.h"
#include "server/mcp/stream.h"
#include "state/base/buf.h"
#include "state/base/id.h"
#include "state/base/list.h"

struct outlet {
    unsigned refs;
    struct exchange *x;     /* reference */
    struct stream *channel; /* reference; NULL: the reply of x */
    struct list requests;   /* struct mcp_request.outlet_link: those not settled */
    unsigned expected;      /* answers to come, and one while the maker adds requests */
    bool has_requests;      /* something was to be answered */
    bool is_batch, accepts_json, accepts_stream;
    bool is_streaming, is_replied, is_watched;
    struct buf answers;             /* batch: one a line */
    void (*on_answered)(void *arg); /* inner: there is no reply, this is called instead */
    void *answered_arg;
    char session_id[ID_MAX + 1]; /* goes out as Mcp-Session-Id unless empty */
};

/* For the reply of x. */
struct outlet *outlet_new(struct exchange *x, bool accepts_json, bool accepts_stream);
/* For a channel, whose POST x was answered with 202. Counts as a request under way on it. */
struct outlet *outlet_new_channel(struct exchange *x, struct stream *channel);
/* For requests that a stream makes for itself: what they are answered with goes nowhere, fn is
 * called when they are. x: of the stream. */
struct outlet *outlet_new_inner(struct exchange *x, void (*fn)(void *arg), void *arg);
struct outlet *outlet_ref(struct outlet *o);
void outlet_unref(struct outlet *o);
/* The maker added all its requests: what is answered already goes out. */
void outlet_seal(struct outlet *o);

/* Something answers to this: a request is on its way. */
void outlet_expect(struct outlet *o);
/* The answer to one; text taken. status counts when this is the whole reply. */
void outlet_answer(struct outlet *o, int status, char *text);
/* One that was cancelled will not be answered. */
void outlet_skip(struct outlet *o);
/* Makes it an event stream if that is still possible: true when it is one. */
bool outlet_commit(struct outlet *o);
/* A message before the answer; text taken. False: there is no way to send it. */
bool outlet_notify(struct outlet *o, char *text);
/* Requests are waiting: notices when the client goes and tells each of them. */
void outlet_watch(struct outlet *o);
/* Takes the reply out of its hands: the exchange, with a reference. */
struct exchange *outlet_release(struct outlet *o);
