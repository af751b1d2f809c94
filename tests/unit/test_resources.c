/* What executions left, as resources: reading on, files in their workspace, completion of paths. */
#include <stdio.h>

#include <sys/stat.h>

#include "state/base/fd.h"
#include "tests/unit/pack_fixture.h"

#define URI     "exec://" PACK_ID
#define CONTENT "result.contents.0."

static cJSON *read_resource(struct pack_fixture *f, const char *uri)
{
    CLEANUP(buf_deinit) struct buf params = {0};
    buf_printf(&params, "\"uri\":\"%s\"", uri);
    struct exchange *x = mcp_modern(&f->mcp, "resources/read", uri, params.data);
    cJSON *reply = reply_json(x);
    done(x);
    return reply;
}

/* The directory that commands of the execution's session start in; the caller's. */
static char *workspace(struct pack_fixture *f)
{
    char *path = NULL;
    if (asprintf(&path, "%s/workspaces/s1", f->mcp.dir) < 0)
        abort();
    assert_int_equal(dir_make(path), 0);
    return path;
}

static void put(struct pack_fixture *f, const char *name, const char *data, size_t len)
{
    CLEANUP(free_p) char *dir = workspace(f);
    assert_int_equal(file_replace(dir, name, data, len), 0);
}

/* ---- output ---- */

/* Each answer says where the next begins; together they are the output, of one stream or of both.
 */
static void output_is_read_on_to_its_end(void **state)
{
    static const char *const begins[] = {"?length=5", "", "?stream=stderr",
                                         "?length=3&stream=stdout"};
    static const char *const wholes[] = {"h\xc3\xb6llo\nerr\n\xe2\x82\xac\n",
                                         "h\xc3\xb6llo\nerr\n\xe2\x82\xac\n", "err\n",
                                         "h\xc3\xb6llo\n\xe2\x82\xac\n"};
    struct pack_fixture *f = *state;
    f->mcp.config.max_reply_bytes = 6;
    pack_execution(f, "h\xc3\xb6llo\n");
    journal_file_bytes(&f->journal, JOURNAL_STDERR, 0, "err\n", 4);
    journal_file_bytes(&f->journal, JOURNAL_STDOUT, 0, "\xe2\x82\xac\n", 4);
    for (size_t i = 0; i < ARRAY_LEN(begins); i++) {
        CLEANUP(buf_deinit) struct buf uri = {0}, all = {0};
        buf_printf(&uri, URI "/output%s", begins[i]);
        for (unsigned reads = 0; uri.len > 0; reads++) {
            assert_true(reads < 20);
            CLEANUP(json_deletep) cJSON *reply = read_resource(f, uri.data);
            buf_append_str(&all, json_at(reply, CONTENT "text")->valuestring);
            buf_deinit(&uri);
            if (json_has(reply, CONTENT "_meta.next"))
                buf_append_str(&uri, json_at(reply, CONTENT "_meta.next")->valuestring);
        }
        assert_string_equal(all.data, wholes[i]);
    }
}

static void what_is_cut_short_says_so_in_words(void **state)
{
    struct pack_fixture *f = *state;
    f->mcp.config.max_reply_bytes = 4;
    pack_execution(f, "hello\n");
    CLEANUP(json_deletep) cJSON *cut = read_resource(f, URI "/output");
    expect_str(cut, "result.contents.1.uri", URI "/output?offset=4");
    expect_str(cut, "result.contents.1.text", "[2 more bytes: read this uri]\n");
    /* Who asked for as much gets as much. */
    CLEANUP(json_deletep) cJSON *asked = read_resource(f, URI "/output?length=4");
    assert_false(json_has(asked, "result.contents.1"));
    expect_str(asked, CONTENT "_meta.next", URI "/output?offset=4&length=4");
    CLEANUP(json_deletep) cJSON *rest = read_resource(f, URI "/output?offset=4");
    assert_false(json_has(rest, CONTENT "_meta.next"));
    assert_false(json_has(rest, "result.contents.1"));
}

static void output_is_read_from_an_event_on(void **state)
{
    struct pack_fixture *f = *state;
    pack_execution(f, "one\n"); /* event 1 */
    journal_file_bytes(&f->journal, JOURNAL_STDERR, 0, "two\n", 4);
    CLEANUP(json_deletep) cJSON *reply = read_resource(f, URI "/output?from_event=1");
    expect_str(reply, CONTENT "text", "two\n");
    expect_int(reply, CONTENT "_meta.offset", 4);
    CLEANUP(json_deletep) cJSON *within = read_resource(f, URI "/output?from_event=0.00002");
    expect_str(within, CONTENT "text", "e\ntwo\n");
    CLEANUP(json_deletep) cJSON *far = read_resource(f, URI "/output?from_event=77");
    expect_int(far, "error.code", -32602);
    CLEANUP(json_deletep) cJSON *two = read_resource(f, URI "/output?from_event=1&offset=1");
    expect_int(two, "error.code", -32602);
}

/* ---- files ---- */

static void files_are_read_as_what_they_are(void **state)
{
    struct pack_fixture *f = *state;
    pack_execution(f, "");
    put(f, "a b.json", "{}", 2);
    put(f, "i.png", "\x89PNG\r\n\x1a\n", 8);
    put(f, "b", "\0\1", 2);
    CLEANUP(json_deletep) cJSON *text = read_resource(f, URI "/files/a%20b.json");
    expect_str(text, CONTENT "text", "{}");
    expect_str(text, CONTENT "mimeType", "application/json");
    CLEANUP(json_deletep) cJSON *image = read_resource(f, URI "/files/i.png");
    expect_str(image, CONTENT "blob", "iVBORw0KGgo=");
    expect_str(image, CONTENT "mimeType", "image/png");
    CLEANUP(json_deletep) cJSON *binary = read_resource(f, URI "/files/b");
    expect_str(binary, CONTENT "blob", "AAE=");
    expect_str(binary, CONTENT "mimeType", "application/octet-stream");
    /* A part of an image is none. */
    CLEANUP(json_deletep) cJSON *part = read_resource(f, URI "/files/i.png?length=2");
    expect_str(part, CONTENT "mimeType", "application/octet-stream");
    expect_str(part, CONTENT "_meta.next", URI "/files/i.png?offset=2&length=2");
    expect_int(part, CONTENT "_meta.size", 8);
}

static void a_directory_names_its_entries(void **state)
{
    struct pack_fixture *f = *state;
    pack_execution(f, "");
    CLEANUP(free_p) char *dir = workspace(f), *sub = NULL;
    assert_true(asprintf(&sub, "%s/sub", dir) > 0);
    assert_int_equal(dir_make(sub), 0);
    assert_int_equal(file_replace(sub, "a\xc3\xa4?", "x", 1), 0);
    static const char *const uris[] = {URI "/files", URI "/files/", URI "/files/./"};
    for (size_t i = 0; i < ARRAY_LEN(uris); i++) {
        CLEANUP(json_deletep) cJSON *reply = read_resource(f, uris[i]);
        CLEANUP(json_deletep)
        cJSON *list = cJSON_Parse(json_at(reply, CONTENT "text")->valuestring);
        expect_str(list, "files.0.path", "sub");
        expect_str(list, "files.0.type", "directory");
        expect_str(list, "files.0.uri", URI "/files/sub");
        assert_true(cJSON_IsTrue(json_at(list, "complete")));
    }
    CLEANUP(json_deletep) cJSON *reply = read_resource(f, URI "/files/sub");
    CLEANUP(json_deletep) cJSON *list = cJSON_Parse(json_at(reply, CONTENT "text")->valuestring);
    expect_str(list, "files.0.uri", URI "/files/sub/a%C3%A4%3F");
    CLEANUP(json_deletep)
    cJSON *file = read_resource(f, json_at(list, "files.0.uri")->valuestring);
    expect_str(file, CONTENT "text", "x");
}

static void what_is_no_file_of_it_is_not_found(void **state)
{
    static const struct {
        const char *rest;
        int code;
    } rows[] = {
        {"/files/nothing", -32602},
        {"/files/../s2", -32602},
        {"/files/%2e%2e/s2", -32602},
        {"/files//etc/passwd", -32602},
        {"/files/%2Fetc/passwd", -32602},
        {"/files/a%00", -32602},
        {"/files/a%2", -32602},
        {"/files/a%zz", -32602},
        {"/filesx", -32602},
        {"/files/f/x", -32602},
        {"/files/out/passwd", -32602},
        {"/files/f?stream=stdout", -32602},
        {"/files/f?from_event=1", -32602},
    };
    struct pack_fixture *f = *state;
    pack_execution(f, "");
    put(f, "f", "x", 1);
    CLEANUP(free_p) char *dir = workspace(f), *out = NULL;
    assert_true(asprintf(&out, "%s/out", dir) > 0);
    assert_int_equal(symlink("/etc", out), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_deinit) struct buf uri = {0};
        buf_printf(&uri, URI "%s", rows[i].rest);
        CLEANUP(json_deletep) cJSON *reply = read_resource(f, uri.data);
        expect_int(reply, "error.code", rows[i].code);
        expect_str(reply, "error.data.uri", uri.data);
    }
    f->reactor.outcome = CALL_E_NOT_FOUND; /* another principal's, or none */
    CLEANUP(json_deletep) cJSON *reply = read_resource(f, URI "/files/f");
    expect_str(reply, "error.message", "Resource not found");
}

static void files_of_another_replica_are_told_to_be_there(void **state)
{
    struct pack_fixture *f = *state;
    f->mcp.config.redis_url = (char *)"redis://localhost";
    f->mcp.config.replica_id = (char *)"r2";
    CLEANUP(json_deletep) cJSON *reply = read_resource(f, URI "/files/f");
    assert_non_null(strstr(json_at(reply, "error.message")->valuestring,
                           "lies on another replica than this one (r2)"));
    f->mcp.config.replica_id = (char *)"r1";
    f->mcp.config.redis_url = NULL;
}

/* ---- completion ---- */

static cJSON *complete(struct pack_fixture *f, const char *value, const char *id)
{
    CLEANUP(buf_deinit) struct buf params = {0};
    buf_printf(&params,
               "\"ref\":{\"type\":\"ref/resource\",\"uri\":\"exec://{id}/files/{+path}\"},"
               "\"argument\":{\"name\":\"path\",\"value\":\"%s\"},"
               "\"context\":{\"arguments\":{\"id\":\"%s\"}}",
               value, id);
    struct exchange *x = mcp_modern(&f->mcp, "completion/complete", NULL, params.data);
    cJSON *reply = reply_json(x);
    done(x);
    return reply;
}

static void paths_are_completed_directory_by_directory(void **state)
{
    struct pack_fixture *f = *state;
    pack_execution(f, "");
    CLEANUP(free_p) char *dir = workspace(f), *sub = NULL;
    assert_true(asprintf(&sub, "%s/src", dir) > 0);
    assert_int_equal(dir_make(sub), 0);
    put(f, "sun", "x", 1);
    put(f, "other", "x", 1);
    assert_int_equal(file_replace(sub, "a.c", "x", 1), 0);
    CLEANUP(json_deletep) cJSON *top = complete(f, "s", PACK_ID);
    expect_str(top, "result.completion.values.0", "src/");
    expect_str(top, "result.completion.values.1", "sun");
    assert_false(json_has(top, "result.completion.values.2"));
    CLEANUP(json_deletep) cJSON *below = complete(f, "src/", PACK_ID);
    expect_str(below, "result.completion.values.0", "src/a.c");
    static const char *const nothing[] = {"nope", "../", "/etc/", "sun/", "src/b"};
    for (size_t i = 0; i < ARRAY_LEN(nothing); i++) {
        CLEANUP(json_deletep) cJSON *none = complete(f, nothing[i], PACK_ID);
        assert_false(json_has(none, "result.completion.values.0"));
    }
    for (int i = 0; i < 150; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "many%d", i);
        put(f, name, "x", 1);
    }
    CLEANUP(json_deletep) cJSON *many = complete(f, "many", PACK_ID);
    assert_int_equal(cJSON_GetArraySize(json_at(many, "result.completion.values")), 100);
    assert_true(cJSON_IsTrue(json_at(many, "result.completion.hasMore")));
}

static void of_what_is_not_the_callers_nothing_is_suggested(void **state)
{
    struct pack_fixture *f = *state;
    pack_execution(f, "");
    put(f, "mine", "x", 1);
    f->reactor.outcome = CALL_E_NOT_FOUND;
    CLEANUP(json_deletep) cJSON *foreign = complete(f, "", PACK_ID);
    assert_int_equal(cJSON_GetArraySize(json_at(foreign, "result.completion.values")), 0);
    f->reactor.outcome = CALL_OK;
    CLEANUP(json_deletep) cJSON *none = complete(f, "", "../../etc");
    assert_int_equal(cJSON_GetArraySize(json_at(none, "result.completion.values")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PACK_TEST(output_is_read_on_to_its_end),
        PACK_TEST(what_is_cut_short_says_so_in_words),
        PACK_TEST(output_is_read_from_an_event_on),
        PACK_TEST(files_are_read_as_what_they_are),
        PACK_TEST(a_directory_names_its_entries),
        PACK_TEST(what_is_no_file_of_it_is_not_found),
        PACK_TEST(files_of_another_replica_are_told_to_be_there),
        PACK_TEST(paths_are_completed_directory_by_directory),
        PACK_TEST(of_what_is_not_the_callers_nothing_is_suggested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
