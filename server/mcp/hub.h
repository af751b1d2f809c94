#pragma once
/*
 * The long-lived streams of all threads, the sessions they belong to, and the fan-out of what
 * changed. Any thread: a mutex guards it. Texts are sent by stream_post(), so nothing is written
 * under the lock.
 */
#include <stdbool.h>

#include "server/mcp/pack.h"
#include "server/mcp/stream.h"
#include "state/base/id.h"
#include "state/session.h"

struct hub *hub_new(struct mcp *m);
struct hub *hub_free(struct hub *h);

/* Makes an open stream known. session: the one it belongs to (SESSION) or NULL. False: draining,
 * the caller ends the stream. */
MUST_USE bool hub_add(struct hub *h, struct stream *s, struct session *session);
/* Called by the stream when it closes; legal when it was never added. Ends the session of a
 * channel. */
void hub_remove(struct hub *h, struct stream *s);

/* The channel of this id and principal, with a reference; NULL: none. */
struct stream *hub_find_channel(struct hub *h, const char *id, const char *principal);
/* The session that began on this channel; an earlier one ends. */
void hub_set_channel_session(struct hub *h, struct stream *channel, struct session *session);
/* With a reference; NULL: none yet, or it ended. */
struct session *hub_find_channel_session(struct hub *h, struct stream *channel);

/* resources/subscribe of a session. False: too many. */
MUST_USE bool hub_subscribe(struct hub *h, struct session *session, const char *uri);
void hub_unsubscribe(struct hub *h, const struct session *session, const char *uri);
/* resourceSubscriptions of a listen stream that was not added yet. */
MUST_USE bool hub_subscribe_listen(struct hub *h, struct stream *s, const char *uri);

/* taskIds of one, likewise; and what hub_follow_task() asked for. */
MUST_USE bool hub_subscribe_task(struct hub *h, struct stream *s, const char *id);
void hub_unsubscribe_task(struct hub *h, struct stream *s, const char *id);
/* The session's newest stream, if it has one, follows this task to its end. */
void hub_follow_task(struct hub *h, const struct session *session, const char *id);

/* The session ended: its streams and subscriptions end too. */
void hub_end_session(struct hub *h, const char *session_id);
/* Keeps sessions alive that have a stream open; often enough is every second. */
void hub_touch_sessions(struct hub *h);

void hub_list_changed(struct hub *h, enum mcp_list which);
void hub_resources_changed(struct hub *h, const char *principal);
void hub_resource_updated(struct hub *h, const char *principal, const char *uri);
void hub_task_changed(struct hub *h, const char *principal, const char *id);
void hub_drain(struct hub *h);
