#pragma once
/* The table of sessions, for session*.c. */
#include <pthread.h>

#include "state/base/list.h"
#include "state/base/map.h"
#include "state/session.h"
#include "state/session_file.h"

/* What the table knows besides. */
struct entry {
    struct session session;
    struct list removed; /* on its way out; once it is out of the table */
    uint64_t touched_ms; /* last_seen_ms as the file has it */
    bool is_foreign;     /* made by another replica: it has no file */
    uint64_t trust;      /* sessions.trust when it was last found to be so; 0: never */
};

struct sessions {
    pthread_mutex_t mutex;
    struct map *by_id;       /* owned, and a reference for each entry */
    unsigned reserved;       /* sessions whose file is being written */
    uint64_t next_expiry_ms; /* none expires before it */
    struct session_files files;
    char *replica; /* owned */
    unsigned max;
    uint64_t ttl_ms;
    uint64_t touch_ms; /* how far a file's time may lag behind */
    uint64_t trust;    /* news of the others come since this many times; see session_shared.c */
    bool is_shared;    /* there are others */
    bool is_trusting;  /* news of the others come now */
};

struct entry *session_entry_new(void);
/* Makes room for one, which becomes an entry, or with NULL nothing. */
MUST_USE bool session_reserve(struct sessions *s);
void session_settle(struct sessions *s, struct entry *e);
/* Outside of the mutex: files go, references are dropped. */
void session_drop_removed(struct sessions *s, struct list *removed);
