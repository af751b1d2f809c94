#pragma once
/* A pack for tests of the core: small tools that do what a test says. */
#include "server/mcp/pack.h"

struct test_pack {
    struct mcp_pack pack; /* register this */
    /* tool "park": what it holds; with `is_deaf` it does not ask to be told of cancelling */
    struct mcp_request *parked; /* reference */
    _Atomic unsigned n_calls, n_cancelled, n_answers;
    bool is_deaf;
};

void test_pack_init(struct test_pack *p);
/* A second pack, with resources only. */
extern const struct mcp_pack second_pack;
/* Answers the parked request with this text, and lets it go. On its home thread. */
void test_pack_answer(struct test_pack *p, const char *text);
/* Lets it go without an answer. */
void test_pack_release(struct test_pack *p);
