/*
 * POST bodies through the whole core, on an exchange in memory. The first byte says who sends:
 * m: a client of 2026-07-28, with the headers that belong to the body
 * l: a session of 2025-11-25; b: one of 2025-03-26, which has batches
 * c: an HTTP+SSE channel; anything else: nobody known, without headers
 * Everything that a request leaves behind is ended after it.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "server/mcp/mcp.h"
#include "server/mcp/task.h"
#include "state/base/clock.h"
#include "state/base/fd.h"
#include "state/base/log.h"
#include "tests/unit/mcp_test_pack.h"
#include "tests/unit/memory_exchange.h"

/* Longer than anything waits. */
#define LONG_US (400 * UINT64_C(1000000))

static struct {
    struct config config;
    char dir[64];
    struct sessions *sessions;
    struct home *home;
    struct test_pack pack;
    struct mcp *mcp;
    uint64_t now_us;
} world;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* ---- tasks: the status of one is the first character of its id ---- */

static void task_answer(struct mcp_request *rq, const char *id, void *arg)
{
    struct mcp_task t = {.id = id, .created_us = 1, .updated_us = 2, .ttl_ms = MCP_TASK_UNLIMITED};
    if (id[0] < '1' || id[0] > '5') {
        mcp_reply_no_task(rq);
        return;
    }
    t.status = (enum mcp_task_status)(id[0] - '0');
    t.input_requests = cJSON_CreateObject();
    t.result = mcp_tool_result(rq, id, NULL, NULL, id[1] == 'e');
    mcp_reply_task(rq, &t);
}

static void task_update(struct mcp_request *rq, const char *id, const cJSON *responses, void *arg)
{
    mcp_task_changed(world.mcp, mcp_request_principal(rq), id);
    task_answer(rq, id, arg);
}

static void task_list(struct mcp_request *rq, const char *cursor, void *arg)
{
    struct mcp_task t = {.id = cursor ? cursor : "1", .status = MCP_TASK_WORKING};
    mcp_reply_tasks(rq, &t, 1, cursor);
}

static void task_watch(const char *id, bool is_on, void *arg)
{
}

static const struct mcp_tasks tasks = {.get = task_answer,
                                       .wait = task_answer,
                                       .update = task_update,
                                       .cancel = task_answer,
                                       .list = task_list,
                                       .watch = task_watch};
static const struct mcp_pack task_pack = {.name = "tasks", .tasks = &tasks};

static void tear_down(void)
{
    memory_home_free(world.home);
    mcp_free(world.mcp);
    sessions_free(world.sessions);
    int r = dir_remove(world.dir);
    assert(r == 0);
    (void)r;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const struct log_options log = {.to_stderr = true, .level = LOGL_ERROR};
    const struct mcp_pack *packs[] = {&world.pack.pack, &second_pack, &task_pack};
    int r = log_open(&log);

    assert(r == 0);
    (void)snprintf(world.dir, sizeof world.dir, "/tmp/fuzz-mcp-XXXXXX");
    if (!mkdtemp(world.dir))
        abort();
    world.config.replica_id = (char *)"r1";
    world.config.session_ttl_ms = 3600000;
    world.config.tasks_experimental = true;
    r = sessions_new(world.dir, "r1", 8, world.config.session_ttl_ms, &world.sessions);
    assert(r == 0);
    (void)r;
    world.home = memory_home_new();
    test_pack_init(&world.pack);
    world.mcp = mcp_new(&(struct mcp_options){.config = &world.config,
                                              .sessions = world.sessions,
                                              .packs = packs,
                                              .n_packs = ARRAY_LEN(packs),
                                              .name = "fuzz",
                                              .version = "0"});
    world.now_us = clock_mono_us();
    (void)atexit(tear_down);
    return 0;
}

static struct exchange *serve(const struct memory_request *r)
{
    struct exchange *x = memory_exchange_new(world.home, r);

    memory_serve(x, mcp_serve, world.mcp);
    memory_home_run(world.home);
    return x;
}

static void drop(struct exchange *x)
{
    memory_client_goes(x);
    memory_home_run(world.home);
    exchange_unref(x);
}

/* What every reply is: JSON, an event stream, or empty. */
static void check_reply(struct exchange *x)
{
    const char *type = memory_content_type(x);
    cJSON *json = NULL;
    size_t error_at;

    if (memory_phase(x) != MEMORY_REPLIED)
        return;
    assert(memory_status(x) >= 200 && memory_status(x) < 600);
    if (!type) {
        assert(*memory_body(x) == '\0');
        return;
    }
    enum json_error e = json_parse(memory_body(x), strlen(memory_body(x)), &json, &error_at);
    assert(e == JSON_OK);
    (void)e;
    cJSON_Delete(json);
}

static const char *member(const cJSON *o, const char *key, const char *otherwise)
{
    const char *value = otherwise;

    (void)json_get_str(o, key, &value);
    return strpbrk(value, "\r\n") ? otherwise : value;
}

static struct exchange *send_modern(const char *body, size_t len)
{
    CLEANUP(json_deletep) cJSON *json = NULL;
    size_t error_at;

    if (json_parse(body, len, &json, &error_at) != JSON_OK)
        json = cJSON_CreateObject();
    const cJSON *params = json_get(json, "params");
    const struct exchange_header headers[] = {
        {"content-type", "application/json"},
        {"mcp-protocol-version", "2026-07-28"},
        {"mcp-method", member(json, "method", "x")},
        {"mcp-name", member(params, "name", member(params, "uri", "x"))},
        {"mcp-param-text", member(json_get(params, "arguments"), "text", "x")},
        {NULL, NULL},
    };
    return serve(&(struct memory_request){.body = body, .body_len = len, .headers = headers});
}

static struct exchange *send_legacy(const char *session, const char *body, size_t len)
{
    const struct exchange_header headers[] = {{"content-type", "application/json"},
                                              {session ? "mcp-session-id" : NULL, session},
                                              {NULL, NULL}};
    return serve(&(struct memory_request){.body = body, .body_len = len, .headers = headers});
}

static void send_in_session(const char *revision, const char *body, size_t len)
{
    CLEANUP(session_unrefp) struct session *session = NULL;
    int r =
        session_create(world.sessions, "alice", revision, "fuzz", "{\"sampling\":{}}", &session);

    assert(r == SESSION_OK);
    (void)r;
    struct exchange *x = send_legacy(session->id, body, len);
    check_reply(x);
    drop(x);
    const struct exchange_header headers[] = {{"mcp-session-id", session->id}, {NULL, NULL}};
    drop(serve(&(struct memory_request){.method = "DELETE", .headers = headers}));
}

static void send_on_channel(const char *body, size_t len)
{
    struct exchange *channel = serve(&(struct memory_request){.method = "GET"});
    const char *at = strstr(memory_body(channel), "sessionId=");
    CLEANUP(free_p) char *query = xstrndup(at, strcspn(at, "\n"));
    const struct exchange_header headers[] = {{"content-type", "application/json"}, {NULL, NULL}};
    struct exchange *x = serve(&(struct memory_request){
        .query = query, .body = body, .body_len = len, .headers = headers});

    check_reply(x);
    drop(x);
    drop(channel);
}

static void release(void *arg)
{
    test_pack_answer(arg, "late");
}

/* Whoever waits is answered, or has waited long enough; sessions expire. */
static void end_everything(void)
{
    if (world.pack.parked)
        home_post(world.home, release, &world.pack);
    memory_home_run(world.home);
    for (int i = 0; i < 10; i++) {
        clock_hold(world.now_us += LONG_US, clock_real_us());
        memory_home_run(world.home);
    }
    sessions_expire(world.sessions);
    assert(memory_home_exchanges(world.home) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *body = (const char *)data + 1;
    struct exchange *x;

    if (size < 2)
        return 0;
    clock_hold(world.now_us, 1);
    switch (data[0]) {
    case 'm':
        x = send_modern(body, size - 1);
        check_reply(x);
        drop(x);
        break;
    case 'l':
        send_in_session("2025-11-25", body, size - 1);
        break;
    case 'b':
        send_in_session("2025-03-26", body, size - 1);
        break;
    case 'c':
        send_on_channel(body, size - 1);
        break;
    default:
        x = send_legacy(NULL, body, size - 1);
        check_reply(x);
        drop(x);
        break;
    }
    end_everything();
    return 0;
}
