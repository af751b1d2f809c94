#pragma once
/* A keeper that does what a test says: implements keeper_client.h in memory. One at a time. */
#include "exec/keeper_client.h"

/* What it was asked for since the last reset; the id of each. */
struct fake_keeper {
    char spawned[64][EXECUTION_ID_MAX + 1];
    unsigned n_spawned;
    char killed[64][EXECUTION_ID_MAX + 1];
    enum execution_reason kill_reason;
    unsigned n_killed;
    unsigned n_stdin, n_quit;
    uint64_t stdin_token;
    char input[64];                  /* of the last stdin, cut */
    char note[JOURNAL_NOTE_MAX + 1]; /* the last one */
    unsigned n_notes;
    struct keeper_host host; /* what fake_keeper_ready() says; at first all of it */
    bool is_away;            /* functions answer -ENOTCONN */
};
extern struct fake_keeper fake_keeper;

/* News, as the event loop would bring them. */
void fake_keeper_ready(void);
void fake_keeper_gone(void);
void fake_keeper_running(const char *id, uint64_t events, uint64_t bytes);
void fake_keeper_started(const char *id);
void fake_keeper_grew(const char *id, uint64_t events, uint64_t bytes);
/* It waits for input, or no more. */
void fake_keeper_waits(const char *id, uint64_t events, enum execution_waiting waiting);
/* Writes the file exit with this reason and code, then tells. */
void fake_keeper_ended(const char *state_dir, const char *id, enum execution_reason reason,
                       int code);
void fake_keeper_stdin(uint64_t token, enum keeper_stdin_result result);
