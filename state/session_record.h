#pragma once
/*
 * `session:<sid>` in Redis: a session as JSON, or the note that it has ended, which stays for the
 * TTL so that who did not hear of it does not bring it back. What is read may have been written by
 * anybody who reaches Redis. Pure, any thread.
 */
#include "state/base/buf.h"
#include "state/session_shared.h"

/* What the note begins with; scripts look for it. */
#define SESSION_ENDED_HEAD "{\"ended\":true"

void session_record_write(const struct session *s, struct buf *to);
void session_record_write_ended(const char *id, struct buf *to);

struct session_record {
    bool has_ended; /* and then there are no facts */
    struct session_facts facts;
    struct cJSON *tree; /* owned: what facts borrow from */
};
/* False: that is no session of this id. */
MUST_USE bool session_record_read(const char *text, size_t len, const char *id,
                                  struct session_record *ret);
void session_record_deinit(struct session_record *r);

char *session_record_key(const char *id); /* session:<sid> */
