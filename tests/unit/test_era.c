/* Each row of the table of eras, and the order of its rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/mcp/era.h"
#include "state/base/macro.h"

#define MODERN  "2026-07-28"
#define LEGACY  "2025-06-18"
#define UNKNOWN "2031-01-01"

struct row {
    const char *what;
    struct era_input in;
    enum era era;
    int code;
};

static void check(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct era_verdict v = era_classify(&rows[i].in);
        if (v.era != rows[i].era || v.code != rows[i].code)
            fail_msg("%s: era %d code %d", rows[i].what, (int)v.era, v.code);
        assert_true(!v.message == (v.era != ERA_REFUSED));
    }
}
#define CHECK(rows) check(rows, ARRAY_LEN(rows))

static void methods_without_body_are_legacy(void **state)
{
    static const struct row rows[] = {
        {"1: GET with a session", {.method = ERA_GET, .has_session = true}, ERA_SESSION_STREAM, 0},
        {"1: also when a stream is accepted",
         {.method = ERA_GET, .has_session = true, .accepts_stream = true},
         ERA_SESSION_STREAM,
         0},
        {"2: GET for a stream", {.method = ERA_GET, .accepts_stream = true}, ERA_CHANNEL_OPEN, 0},
        {"2: a reconnect names a version",
         {.method = ERA_GET, .accepts_stream = true, .version = LEGACY},
         ERA_CHANNEL_OPEN,
         0},
        {"3: any other GET", {.method = ERA_GET}, ERA_METHOD_NOT_ALLOWED, 0},
        {"3: any other method", {.method = ERA_OTHER}, ERA_METHOD_NOT_ALLOWED, 0},
        {"4: DELETE", {.method = ERA_DELETE, .has_session = true}, ERA_SESSION_END, 0},
        {"4: DELETE of nothing", {.method = ERA_DELETE}, ERA_SESSION_END, 0},
    };
    CHECK(rows);
}

static void a_channel_is_legacy_whatever_it_says(void **state)
{
    static const struct row rows[] = {
        {"5: request",
         {.method = ERA_POST, .has_channel = true, .body = ERA_BODY_REQUEST, .rpc_method = "ping"},
         ERA_CHANNEL_MESSAGE,
         0},
        {"5: with a claim",
         {.method = ERA_POST,
          .has_channel = true,
          .body = ERA_BODY_REQUEST,
          .rpc_method = "ping",
          .has_claim = true,
          .version = MODERN},
         ERA_CHANNEL_MESSAGE,
         0},
    };
    CHECK(rows);
}

static void batches_are_legacy_or_nothing(void **state)
{
    static const struct row rows[] = {
        {"6: batch", {.method = ERA_POST, .body = ERA_BODY_BATCH}, ERA_LEGACY_BATCH, 0},
        {"6: an element with a claim",
         {.method = ERA_POST, .body = ERA_BODY_BATCH, .has_claim = true},
         ERA_REFUSED,
         -32600},
        {"6: a modern header",
         {.method = ERA_POST, .body = ERA_BODY_BATCH, .version = MODERN},
         ERA_REFUSED,
         -32600},
        {"6: empty",
         {.method = ERA_POST, .body = ERA_BODY_BATCH, .is_empty = true},
         ERA_REFUSED,
         -32600},
    };
    CHECK(rows);
}

static void responses_and_notifications(void **state)
{
    static const struct row rows[] = {
        {"7: response", {.method = ERA_POST, .body = ERA_BODY_RESPONSE}, ERA_LEGACY_RESPONSE, 0},
        {"7: with a modern header",
         {.method = ERA_POST, .body = ERA_BODY_RESPONSE, .version = MODERN},
         ERA_REFUSED,
         -32600},
        {"7: with a claim",
         {.method = ERA_POST, .body = ERA_BODY_RESPONSE, .has_claim = true},
         ERA_REFUSED,
         -32600},
        {"8: notification",
         {.method = ERA_POST, .body = ERA_BODY_NOTIFICATION, .version = LEGACY},
         ERA_LEGACY_NOTIFICATION,
         0},
        {"8: without version",
         {.method = ERA_POST, .body = ERA_BODY_NOTIFICATION},
         ERA_LEGACY_NOTIFICATION,
         0},
        {"9: with a claim",
         {.method = ERA_POST, .body = ERA_BODY_NOTIFICATION, .has_claim = true},
         ERA_MODERN_NOTIFICATION,
         0},
        {"9: with a modern header",
         {.method = ERA_POST, .body = ERA_BODY_NOTIFICATION, .version = MODERN},
         ERA_MODERN_NOTIFICATION,
         0},
        {"not JSON-RPC", {.method = ERA_POST, .body = ERA_BODY_NONE}, ERA_REFUSED, -32600},
    };
    CHECK(rows);
}

#define REQUEST(m, v, claim)                                                             \
    {                                                                                    \
        .method = ERA_POST, .body = ERA_BODY_REQUEST, .rpc_method = (m), .version = (v), \
        .has_claim = (claim),                                                            \
    }

static void requests_go_by_their_body_first(void **state)
{
    static const struct row rows[] = {
        {"10: claim", REQUEST("tools/list", MODERN, true), ERA_MODERN_REQUEST, 0},
        {"10: claim and no header", REQUEST("tools/list", NULL, true), ERA_MODERN_REQUEST, 0},
        {"10: claim and legacy header", REQUEST("ping", LEGACY, true), ERA_MODERN_REQUEST, 0},
        {"10 before 11: initialize", REQUEST("initialize", MODERN, true), ERA_MODERN_REQUEST, 0},
        {"11: initialize", REQUEST("initialize", NULL, false), ERA_LEGACY_INITIALIZE, 0},
        {"11: legacy header", REQUEST("initialize", LEGACY, false), ERA_LEGACY_INITIALIZE, 0},
        {"11: unknown header", REQUEST("initialize", UNKNOWN, false), ERA_LEGACY_INITIALIZE, 0},
        {"11: modern header", REQUEST("initialize", MODERN, false), ERA_REFUSED, -32020},
        {"12: modern header", REQUEST("tools/list", MODERN, false), ERA_MODERN_REQUEST, 0},
        {"12: unknown header", REQUEST("tools/list", UNKNOWN, false), ERA_MODERN_REQUEST, 0},
        {"13: no header", REQUEST("tools/list", NULL, false), ERA_LEGACY_REQUEST, 0},
        {"13: legacy header", REQUEST("tools/list", LEGACY, false), ERA_LEGACY_REQUEST, 0},
        {"13: the oldest", REQUEST("ping", "2024-11-05", false), ERA_LEGACY_REQUEST, 0},
    };
    CHECK(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_without_body_are_legacy),
        cmocka_unit_test(a_channel_is_legacy_whatever_it_says),
        cmocka_unit_test(batches_are_legacy_or_nothing),
        cmocka_unit_test(responses_and_notifications),
        cmocka_unit_test(requests_go_by_their_body_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
