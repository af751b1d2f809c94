#include "tests/unit/mcp_fixture.h"

#include <stdio.h>

#include "state/base/clock.h"
#include "state/base/fd.h"
#include "state/base/log.h"

int mcp_set_up(void **state)
{
    struct mcp_fixture *f = xcalloc(1, sizeof *f);

    assert_int_equal(log_open(&(struct log_options){.to_stderr = true, .level = LOGL_ERROR}), 0);
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/mcp-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->config.replica_id = (char *)"r1";
    f->config.session_ttl_ms = 3600000;
    f->config.max_watched = 140;
    assert_int_equal(sessions_new(f->dir, "r1", 100, f->config.session_ttl_ms, &f->sessions), 0);
    f->home = memory_home_new();
    test_pack_init(&f->pack);
    const struct mcp_pack *packs[] = {&f->pack.pack, &second_pack};
    f->mcp = mcp_new(&(struct mcp_options){
        .config = &f->config,
        .sessions = f->sessions,
        .packs = packs,
        .n_packs = ARRAY_LEN(packs),
        .name = "test-server",
        .title = "Test server",
        .version = "1.2",
    });
    *state = f;
    return 0;
}

static void release_parked(void *arg)
{
    test_pack_release(arg);
}

int mcp_tear_down(void **state)
{
    struct mcp_fixture *f = *state;

    if (f->pack.parked)
        home_post(f->home, release_parked, &f->pack);
    memory_home_run(f->home);
    assert_int_equal(memory_home_exchanges(f->home), 0);
    memory_home_free(f->home);
    mcp_free(f->mcp);
    sessions_free(f->sessions);
    int r = dir_remove(f->dir);
    free(f);
    clock_hold(0, 0);
    log_close();
    return r;
}

struct exchange *mcp_send(struct mcp_fixture *f, const struct memory_request *r)
{
    struct exchange *x = memory_exchange_new(f->home, r);
    bool is_sse = r->path && strcmp(r->path, "/mcp") != 0;

    memory_serve(x, is_sse ? mcp_serve_sse : mcp_serve, f->mcp);
    memory_home_run(f->home);
    return x;
}

void done(struct exchange *x)
{
    exchange_unref(x);
}

struct exchange *mcp_post(struct mcp_fixture *f, const char *session, const char *body)
{
    const struct exchange_header headers[] = {
        {"content-type", "application/json"},
        {"accept", "application/json, text/event-stream"},
        {session ? "mcp-session-id" : NULL, session},
        {NULL, NULL},
    };
    return mcp_send(f, &(struct memory_request){.body = body, .headers = headers});
}

char *mcp_initialize(struct mcp_fixture *f, const char *revision, const char *capabilities)
{
    struct buf body = {0};

    buf_printf(&body,
               "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{"
               "\"protocolVersion\":\"%s\",\"capabilities\":%s,"
               "\"clientInfo\":{\"name\":\"tester\",\"version\":\"1\"}}}",
               revision, capabilities);
    struct exchange *x = mcp_post(f, NULL, body.data);
    buf_deinit(&body);
    assert_int_equal(memory_status(x), 200);
    char *session = xstrdup(memory_reply_header(x, "mcp-session-id"));
    done(x);
    return session;
}

struct exchange *mcp_modern_raw(struct mcp_fixture *f, const struct modern_spec *s)
{
    struct exchange_header headers[16] = {
        {"content-type", "application/json; charset=utf-8"},
        {"accept", s->accept ? s->accept : "text/event-stream, application/json"},
    };
    size_t n = 2;

    if (s->version)
        headers[n++] = (struct exchange_header){"mcp-protocol-version", s->version};
    if (s->method)
        headers[n++] = (struct exchange_header){"mcp-method", s->method};
    if (s->name)
        headers[n++] = (struct exchange_header){"mcp-name", s->name};
    for (const struct exchange_header *h = s->more; h && h->name; h++)
        headers[n++] = *h;
    return mcp_send(f, &(struct memory_request){.body = s->body, .headers = headers});
}

struct exchange *mcp_modern(struct mcp_fixture *f, const char *method, const char *name,
                            const char *params_rest)
{
    struct buf body = {0};

    buf_printf(&body,
               "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":{" ENVELOPE "%s%s}}",
               method, *params_rest ? "," : "", params_rest);
    struct exchange *x = mcp_modern_raw(
        f, &(struct modern_spec){
               .body = body.data, .version = MODERN, .method = method, .name = name});
    buf_deinit(&body);
    return x;
}

struct late_answer {
    struct test_pack *pack;
    const char *text;
};

static void on_answer(void *arg)
{
    struct late_answer *a = arg;
    test_pack_answer(a->pack, a->text);
}

void mcp_answer(struct mcp_fixture *f, const char *text)
{
    struct late_answer a = {.pack = &f->pack, .text = text};

    home_post(f->home, on_answer, &a);
    memory_home_run(f->home);
}

/* ---- JSON ---- */

static const cJSON *look(const cJSON *json, const char *path)
{
    while (json && *path) {
        size_t len = strcspn(path, ".");
        CLEANUP(free_p) char *key = xstrndup(path, len);
        if (cJSON_IsArray(json))
            json = cJSON_GetArrayItem(json, key[0] - '0');
        else
            json = json_get(json, key);
        path += len;
        path += *path == '.';
    }
    return json;
}

bool json_has(const cJSON *json, const char *path)
{
    return look(json, path);
}

const cJSON *json_at(const cJSON *json, const char *path)
{
    const cJSON *v = look(json, path);

    if (!v) {
        CLEANUP(free_p) char *text = json ? json_print(json) : NULL;
        fail_msg("no %s in %s", path, text ? text : "nothing");
    }
    return v;
}

void expect_str(const cJSON *json, const char *path, const char *value)
{
    const cJSON *v = json_at(json, path);

    assert_true(cJSON_IsString(v));
    assert_string_equal(v->valuestring, value);
}

void expect_int(const cJSON *json, const char *path, int64_t value)
{
    const cJSON *v = json_at(json, path);

    assert_true(cJSON_IsNumber(v));
    assert_int_equal((int64_t)v->valuedouble, value);
}

static cJSON *parse(const char *text, size_t len)
{
    cJSON *json = NULL;
    size_t error_at;

    if (json_parse(text, len, &json, &error_at) != JSON_OK)
        fail_msg("not JSON at %zu: %.*s", error_at, (int)len, text);
    return json;
}

cJSON *reply_json(const struct exchange *x)
{
    assert_string_equal(memory_content_type(x), "application/json");
    return parse(memory_body(x), strlen(memory_body(x)));
}

#define EVENT "event: message\ndata: "

static const char *find_event(const char *at, unsigned n)
{
    at = strstr(at, EVENT);
    while (at && n-- > 0)
        at = strstr(at + 1, EVENT);
    return at;
}

unsigned count_events(const struct exchange *x)
{
    unsigned n = 0;

    while (find_event(memory_body(x), n))
        n++;
    return n;
}

cJSON *event_json(const struct exchange *x, unsigned n)
{
    const char *at = find_event(memory_body(x), n);

    if (!at)
        fail_msg("no event %u in: %s", n, memory_body(x));
    at += strlen(EVENT);
    const char *end = strstr(at, "\n\n");
    assert_non_null(end);
    return parse(at, (size_t)(end - at));
}

void expect_error(struct exchange *x, int status, int code, const char *id)
{
    CLEANUP(json_deletep) cJSON *json = reply_json(x);

    if (memory_status(x) != status)
        fail_msg("status %d, not %d: %s", memory_status(x), status, memory_body(x));
    expect_int(json, "error.code", code);
    assert_true(cJSON_IsString(json_at(json, "error.message")));
    if (id) {
        struct json_span at = json_top_member(memory_body(x), strlen(memory_body(x)), "id");
        CLEANUP(free_p) char *raw = xstrndup(memory_body(x) + at.offset, at.len);
        assert_string_equal(raw, id);
    } else {
        assert_false(json_has(json, "id"));
    }
    done(x);
}
