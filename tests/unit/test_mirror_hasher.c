/* The thread that hashes what has ended: what it says is what the files say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "state/mirror_hasher.h"
#include "tests/unit/journal_file.h"
#include "tests/unit/temp_dir.h"

#define JOBS 20

static struct {
    struct event_base *base;
    unsigned n;
    struct journal_sums sums[JOBS];
    bool has_sums[JOBS];
} told;

static void make_id(unsigned i, char ret[EXECUTION_ID_MAX + 1])
{
    (void)snprintf(ret, EXECUTION_ID_MAX + 1, "r1-abcdefghijklmnopqrstuvwx%c7", (int)('a' + i));
}

/* Each id once, in the order of asking. */
static void on_hashed(void *arg, const char *id, const struct journal_sums *sums)
{
    char expected[EXECUTION_ID_MAX + 1];
    make_id(told.n, expected);
    assert_string_equal(id, expected);
    told.has_sums[told.n] = sums != NULL;
    if (sums)
        told.sums[told.n] = *sums;
    if (++told.n == JOBS)
        (void)event_base_loopbreak(told.base);
}

/* Of i * 100 KB; each fifth is not there, each seventh has lost its begin. */
static void write_journal(const char *state_dir, unsigned i)
{
    struct journal_file f;
    char id[EXECUTION_ID_MAX + 1];
    static char piece[50000];
    make_id(i, id);
    if (i % 5 == 4)
        return;
    memset(piece, (int)('a' + i), sizeof(piece));
    journal_file_create(&f, state_dir, id);
    for (unsigned k = 0; k < 2 * i; k++)
        journal_file_bytes(&f, k % 3 ? JOURNAL_STDOUT : JOURNAL_STDERR, 0, piece, sizeof(piece));
    if (i > 0 && i % 7 == 0)
        journal_file_drop(&f, 1, sizeof(piece));
    journal_file_close(&f);
}

static struct mirror_hasher *start(const char *state_dir)
{
    struct mirror_hasher *h = NULL;
    const struct mirror_hasher_options o = {
        .base = told.base, .state_dir = state_dir, .done = on_hashed};
    told.n = 0;
    assert_int_equal(mirror_hasher_new(&o, &h), 0);
    for (unsigned i = 0; i < JOBS; i++) {
        char id[EXECUTION_ID_MAX + 1];
        make_id(i, id);
        mirror_hasher_ask(h, id);
    }
    return h;
}

static void says_what_the_files_say(void **state)
{
    static const struct timeval bound = {.tv_sec = 30};
    for (unsigned i = 0; i < JOBS; i++)
        write_journal(*state, i);
    struct mirror_hasher *h = start(*state);
    (void)event_base_loopexit(told.base, &bound);
    (void)event_base_dispatch(told.base);
    assert_int_equal(told.n, JOBS);
    for (unsigned i = 0; i < JOBS; i++) {
        char id[EXECUTION_ID_MAX + 1];
        struct journal_sums sums;
        make_id(i, id);
        int r = journal_sums(*state, id, 0, &sums);
        assert_int_equal(told.has_sums[i], r == 0);
        assert_int_equal(r == 0, i % 5 != 4 && (i == 0 || i % 7 != 0));
        if (r == 0)
            assert_memory_equal(&sums, &told.sums[i], sizeof(sums));
    }
    assert_null(mirror_hasher_free(h));
}

static void freed_in_the_middle_it_tells_nothing_more(void **state)
{
    for (unsigned i = 0; i < JOBS; i++)
        write_journal(*state, i);
    assert_null(mirror_hasher_free(start(*state)));
    (void)event_base_loop(told.base, EVLOOP_NONBLOCK);
    assert_int_equal(told.n, 0);
    assert_null(mirror_hasher_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_dir_test(says_what_the_files_say),
        temp_dir_test(freed_in_the_middle_it_tells_nothing_more),
    };
    told.base = event_base_new();
    if (!told.base)
        return 1;
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    event_base_free(told.base);
    return r;
}
