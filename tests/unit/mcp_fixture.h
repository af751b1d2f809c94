#pragma once
/* A core with the test pack on one home that the test runs, and clients of both eras. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "server/mcp/mcp.h"
#include "state/base/json.h"
#include "tests/unit/mcp_test_pack.h"
#include "tests/unit/memory_exchange.h"

#define MODERN "2026-07-28"

struct mcp_fixture {
    struct config config;
    char dir[64];
    struct sessions *sessions;
    struct home *home;
    struct test_pack pack;
    struct mcp *mcp;
};

int mcp_set_up(void **state);
int mcp_tear_down(void **state);
#define MCP_TEST(name) cmocka_unit_test_setup_teardown(name, mcp_set_up, mcp_tear_down)

/* Serves it and runs the home; the caller has a reference: done(x). */
struct exchange *mcp_send(struct mcp_fixture *f, const struct memory_request *r);
void done(struct exchange *x);
/* A message within a session (NULL: without), as a client of 2025-06-18 sends it. */
struct exchange *mcp_post(struct mcp_fixture *f, const char *session, const char *body);
/* initialize; the session's id, malloc'd. capabilities: JSON text. */
char *mcp_initialize(struct mcp_fixture *f, const char *revision, const char *capabilities);
/* A modern request with id 1: params_rest are further members of params, or "". name: of the
 * Mcp-Name header, NULL: none. Sent with elicitation declared. */
struct exchange *mcp_modern(struct mcp_fixture *f, const char *method, const char *name,
                            const char *params_rest);
/* As this, with an envelope and headers of its own. */
struct modern_spec {
    const char *body;                    /* whole */
    const char *version, *method, *name; /* headers; NULL: absent */
    const struct exchange_header *more;  /* ended by a NULL name; NULL: none */
    const char *accept;                  /* NULL: both */
};
struct exchange *mcp_modern_raw(struct mcp_fixture *f, const struct modern_spec *s);
#define ENVELOPE                                                       \
    "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"" MODERN \
    "\",\"io.modelcontextprotocol/clientCapabilities\":{\"elicitation\":{}}}"

/* Answers what the tool "park" holds, on its home, and runs that. */
void mcp_answer(struct mcp_fixture *f, const char *text);

/* The value at a path like "result.tools.0.name"; fails the test when it is not there. */
const cJSON *json_at(const cJSON *json, const char *path);
bool json_has(const cJSON *json, const char *path);
void expect_str(const cJSON *json, const char *path, const char *value);
void expect_int(const cJSON *json, const char *path, int64_t value);
/* The whole reply, or the nth "message" event of a stream (from 0), the caller's. */
cJSON *reply_json(const struct exchange *x);
cJSON *event_json(const struct exchange *x, unsigned n);
unsigned count_events(const struct exchange *x);
/* Status, JSON-RPC code and, unless NULL, the raw id of a refusal; drops x. */
void expect_error(struct exchange *x, int status, int code, const char *id);
