#pragma once
/* The mirror's inside, for mirror*.c. */
#include <event2/event.h>

#include "state/base/list.h"
#include "state/base/map.h"
#include "state/mirror.h"
#include "state/mirror_hasher.h"
#include "state/mirror_slice.h"
#include "state/mirror_window.h"

enum mirrored_phase {
    MIRRORED_UNKNOWN, /* what Redis has of it has to be asked */
    MIRRORED_FRESH,   /* Redis has to get it from the begin */
    MIRRORED_GOES,    /* Redis has what the window says */
    MIRRORED_OUT      /* declared lost, or not readable: nothing more is written */
};

/* Of the sums of one that has ended, which its last record brings. */
enum mirrored_sums { SUMS_UNKNOWN, SUMS_ASKED, SUMS_KNOWN, SUMS_NONE };

/* Commands of one execution on their way: more than one, so that a long backlog does not wait for
 * each answer. */
#define MIRRORED_FLIGHT_MAX 16u

/* One execution. Window, sizes and `written` are as after all that was sent; when anything of that
 * fails, Redis is asked what there is. */
struct mirrored {
    struct mirror *mirror; /* borrowed */
    char id[EXECUTION_ID_MAX + 1];
    enum mirrored_phase phase;
    struct mirror_window window;
    uint64_t output_bytes; /* up to window.end */
    uint64_t first_offset; /* of window.first */
    bool is_announcing;    /* on_announced is due */
    bool is_settled;       /* Redis has its end */
    unsigned in_flight;    /* commands on their way */
    bool is_broken;        /* one of them failed: what the others are answered means nothing */
    bool wants_meta;       /* the record is to be written whatever else there is */
    bool is_forgotten;     /* goes with the answer to what is in flight */
    bool is_hurried;       /* at once, not with the next batch */
    enum execution_status written;  /* as the record in Redis says; 0: not there */
    enum execution_waiting waiting; /* the same */
    uint64_t inputs;                /* the same */
    uint64_t meta_ms, ttl_ms;       /* CLOCK_MONOTONIC: record written, keys refreshed */
    uint64_t dirty_since_ms;        /* 0: it is up to date, as far as is known */
    /* what never changes; NULL once it has settled */
    char *principal, *session_id, *command, *output; /* owned */
    char request_hash[65];                           /* "": it has none */
    bool has_constants, interactive;
    uint64_t created_us;
    struct journal *journal; /* owned; NULL: closed */
    enum mirrored_sums has_sums;
    struct journal_sums sums;
    struct list work; /* mirror.hurried or mirror.calm */
    struct list live; /* mirror.live, until it has settled */
    uint64_t acked;   /* events that Redis has acknowledged */
};

/* A command on its way. */
struct mirror_flight {
    struct mirrored *execution; /* borrowed: it stays until the last has landed */
    uint64_t end;               /* behind the last event of it */
    uint64_t events;
    size_t bytes;
    bool is_last; /* with it the execution has settled */
};

struct mirror {
    struct redis *redis;         /* borrowed */
    const struct config *config; /* borrowed */
    const struct mirror_events *events;
    void *arg;
    struct redis_watcher watcher;
    struct redis_script ask, write; /* loaded into our Redis */
    struct map *by_id;              /* owned, with what is in it */
    struct list hurried, calm;      /* who has something to write: those first, these when there is
                                       nothing else */
    struct list live;               /* not settled */
    struct mirror_hasher *hasher;   /* owned */
    unsigned hashing;               /* executions that wait for it */
    unsigned in_flight;             /* commands */
    size_t in_flight_bytes;
    struct event *on_batch, *on_work; /* owned */
    struct mirror_slice slice;        /* scratch */
    struct buf meta;                  /* scratch */
    bool is_full;                     /* work waits for an answer */
    uint64_t refused_ms;              /* CLOCK_MONOTONIC: Redis refused a write; 0: it takes them */
};

/* mirror.c */
void mirrored_mark(struct mirrored *x, bool is_hurried);
void mirrored_free(struct mirrored *x);
void mirrored_announce(struct mirrored *x, bool is_written);
/* There is room again. */
void mirror_go_on(struct mirror *m);
/* mirror_step.c: one command for this one, or nothing when there is nothing to say. False: Redis
 * takes no more now. *ret_bytes: how much work it was. */
bool mirrored_step(struct mirrored *x, size_t *ret_bytes);
/* Closes what only is needed while it grows. */
void mirrored_settle(struct mirrored *x);
void mirrored_set_hash(struct mirrored *x, const char *hash);                /* NULL: none */
void mirrored_set_sums(struct mirrored *x, const struct journal_sums *sums); /* NULL: none */
/* mirror_script.c */
extern const char mirror_ask_script[], mirror_write_script[];
bool mirror_send_ask(struct mirrored *x);
/* A step now would be in vain: an answer has to come first. */
static inline bool mirrored_waits(const struct mirrored *x)
{
    return x->in_flight > 0 &&
           (x->phase != MIRRORED_GOES || x->is_broken || x->in_flight >= MIRRORED_FLIGHT_MAX);
}
struct mirror_write {
    const char *meta; /* borrowed; NULL: the record stays as it is */
    size_t meta_len;
    enum execution_status truth; /* what its status is or will be */
    enum execution_status shown; /* what the record says */
    uint64_t trim;               /* events that leave at the front */
    bool is_new;                 /* what is there is replaced */
    bool is_last;                /* and nothing follows */
    uint64_t first, length;      /* of the list as it is there now */
    uint64_t end;                /* behind the last event */
    const struct mirror_slice *slice;
};
bool mirror_send_write(struct mirrored *x, const struct mirror_write *w);
/* mirror_answer.c */
void mirror_on_asked(void *arg, enum redis_outcome o, const struct redisReply *r);
void mirror_on_written(void *arg, enum redis_outcome o, const struct redisReply *r);
