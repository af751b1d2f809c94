#pragma once
/*
 * The product's pack in the real core, on exchanges in memory, over a reactor that does what the
 * test says. Executions are directories that the test writes.
 */
#include "exec/reactor.h"
#include "server/mcp/pack_exec.h"
#include "tests/unit/journal_file.h"
#include "tests/unit/mcp_fixture.h"

#define PACK_ID "r1-abcdefghijklmnopqrstuvwxyz"

/* Stands in for the real one: reactor_submit() hands each call to `serve`. */
struct reactor {
    void (*serve)(struct reactor *r, struct call *c); /* answers, or keeps it in parked */
    uint64_t serial;
    struct call *parked;        /* owned */
    enum call_outcome outcome;  /* what answers say … */
    struct execution_view view; /* … of the execution PACK_ID */
    bool repeated, was_running;
    unsigned submitted;
    struct call last;       /* a copy: its pointers are dead, but for what is copied below */
    struct exec_spec *spec; /* owned; of the last start */
    char *input;            /* owned; of the last stdin */
    uint64_t cancelled;     /* serial given to reactor_cancel_call() */
    bool is_kill;
    int watches; /* reactor_watch() minus reactor_unwatch() */
    reactor_news_fn *on_news;
    void (*on_list_news)(void *arg, const char *principal);
    void *news_arg;
};

struct pack_fixture {
    struct mcp_fixture mcp; /* first */
    struct reactor reactor;
    struct mcp_pack *pack;       /* owned */
    struct journal_file journal; /* of pack_execution() */
};

int pack_set_up(void **state);
int pack_tear_down(void **state);
#define PACK_TEST(name) cmocka_unit_test_setup_teardown(name, pack_set_up, pack_tear_down)

/* serve functions */
void reactor_answers(struct reactor *r, struct call *c); /* at once, as the fields say */
void reactor_parks(struct reactor *r, struct call *c);
/* Answers what is parked, and runs the home. */
void reactor_release(struct pack_fixture *f);

/* Sends tools/call of a modern client; NULL: no answer yet. */
struct exchange *pack_send(struct pack_fixture *f, const char *tool, const char *arguments);
/* The same, for a result that is there at once: the caller's. */
cJSON *pack_call(struct pack_fixture *f, const char *tool, const char *arguments);
/* Is an error whose text contains this. */
void pack_refused(struct pack_fixture *f, const char *tool, const char *arguments,
                  const char *text);
/* The result's structuredContent conforms to the tool's outputSchema. */
void pack_conforms(struct pack_fixture *f, const char *tool, const cJSON *result);

/* Writes the directory of PACK_ID: "ready" and this output (NULL: none), running. */
void pack_execution(struct pack_fixture *f, const char *output);
/* … and ends it. */
void pack_execution_ends(struct pack_fixture *f, const struct execution_exit *x);
