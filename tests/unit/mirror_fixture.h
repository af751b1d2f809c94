#pragma once
/*
 * The mirror in front of a real Redis, with executions that a test writes by hand, and what a
 * reader finds there. One at a time: `t` is the fixture.
 */
#include <hiredis/hiredis.h>

#include "state/journal.h"
#include "state/mirror.h"
#include "tests/unit/journal_file.h"
#include "tests/unit/random.h"
#include "tests/unit/redis_server.h"

/* One execution as exec/ would know it. */
struct run {
    char id[EXECUTION_ID_MAX + 1];
    struct journal_file file;
    bool has_journal;
    enum execution_status status;
    unsigned announced, written, fenced;
    enum execution_status fenced_as;
};

struct mirror_test {
    char *state_dir;
    struct redis_server *server;
    struct event_base *base;
    struct config config;
    struct redis *redis;
    struct mirror *mirror; /* NULL: stopped */
    struct run runs[64];
    size_t n;
    redisContext *reader; /* blocking, of the test */
};
extern struct mirror_test t;

int mirror_setup(void **state);
int mirror_teardown(void **state);
#define MIRROR_TEST(f) cmocka_unit_test_setup_teardown(f, mirror_setup, mirror_teardown)
void mirror_start(void);
void mirror_stop(void);

/* ---- executions ---- */

struct run *run_new(const char *command);
void run_begin(struct run *r);
void run_print(struct run *r, const void *data, size_t len);
void run_print_much(struct run *r, size_t bytes, struct random *rnd);
void run_end(struct run *r, enum execution_reason reason);

/* ---- what is in Redis ---- */

redisReply *reader_ask(const char *command, const char *key);
long long reader_integer(const char *command, const char *key);
void reader_close(void);
/* False: there is none. */
bool run_read_record(const struct run *r, struct record *ret);
/* The list is the journal from first_event on, byte for byte. */
void run_check_list(const struct run *r);
/* For redis_wait(): the record says the same status and as many events. */
bool run_is_mirrored(void *run);
bool run_is_announced(void *run);
bool run_is_fenced(void *run);
void run_wait_mirrored(struct run *r);
bool mirror_redis_is_down(void *unused);
void mirror_wait_up(void);
/* Runs the loop for so long: time is what the test is about. */
void mirror_pass_ms(unsigned ms);
