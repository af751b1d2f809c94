/* read_file, write_file and list_files, as clients call them. */
#include <stdio.h>

#include <sys/stat.h>

#include "server/mcp/pack_text.h"
#include "state/base/fd.h"
#include "tests/unit/pack_fixture.h"

#define TEXT "structuredContent."

/* Calls, checks the result against the schema, and returns it. */
static cJSON *ask(struct pack_fixture *f, const char *tool, const char *arguments)
{
    cJSON *result = pack_call(f, tool, arguments);
    if (cJSON_IsTrue(json_get(result, "isError")))
        fail_msg("%s %s: %s", tool, arguments, json_at(result, "content.0.text")->valuestring);
    pack_conforms(f, tool, result);
    return result;
}

static void put(struct pack_fixture *f, const char *arguments)
{
    cJSON_Delete(ask(f, "write_file", arguments));
}

/* Of the principal: modern clients have no session. */
static char *workspace(struct pack_fixture *f)
{
    char *path = NULL;
    cJSON_Delete(ask(f, "list_files", "{}")); /* makes it */
    if (asprintf(&path, "%s/workspaces/alice", f->mcp.dir) < 0 || access(path, F_OK) < 0)
        fail_msg("%s: no workspace", path);
    return path;
}

static void what_was_written_is_read(void **state)
{
    struct pack_fixture *f = *state;
    CLEANUP(json_deletep)
    cJSON *w = ask(f, "write_file", "{\"path\":\"src/a.md\",\"content\":\"one\\ntwo\\nthree\"}");
    expect_str(w, TEXT "path", "src/a.md");
    expect_int(w, TEXT "size", 13);
    assert_true(cJSON_IsTrue(json_at(w, TEXT "created")));
    CLEANUP(json_deletep) cJSON *r = ask(f, "read_file", "{\"path\":\"/workspace/src/a.md\"}");
    expect_str(r, TEXT "content", "one\ntwo\nthree");
    expect_str(r, TEXT "encoding", "utf-8");
    expect_str(r, TEXT "mime_type", "text/markdown");
    expect_int(r, TEXT "lines", 3);
    expect_int(r, TEXT "total_lines", 3);
    expect_str(r, TEXT "sha256", json_at(w, TEXT "sha256")->valuestring);
    expect_str(r, "content.0.text",
               "one\ntwo\nthree\n[src/a.md: lines 1-3 of 3 lines, 13 bytes in all]");
    assert_false(json_has(r, TEXT "next"));
}

static void a_range_says_where_it_goes_on(void **state)
{
    struct pack_fixture *f = *state;
    put(f, "{\"path\":\"a\",\"content\":\"one\\ntwo\\nthree\\n\"}");
    CLEANUP(json_deletep)
    cJSON *r = ask(f, "read_file", "{\"path\":\"a\",\"offset\":2,\"limit\":1}");
    expect_str(r, TEXT "content", "two\n");
    expect_int(r, TEXT "offset", 4);
    expect_int(r, TEXT "next.offset", 3);
    expect_str(r, TEXT "next.unit", "lines");
    CLEANUP(json_deletep)
    cJSON *b = ask(f, "read_file", "{\"path\":\"a\",\"offset\":5,\"limit\":3,\"unit\":\"bytes\"}");
    expect_str(b, TEXT "content", "wo\n");
    expect_int(b, TEXT "next.offset", 8);
    expect_str(b, TEXT "next.unit", "bytes");
    CLEANUP(json_deletep) cJSON *end = ask(f, "read_file", "{\"path\":\"a\",\"offset\":9}");
    expect_str(end, TEXT "content", "");
    assert_false(json_has(end, TEXT "next"));
}

static void binary_comes_as_base64_and_images_as_images(void **state)
{
    struct pack_fixture *f = *state;
    put(f, "{\"path\":\"b\",\"content\":\"AAH/\",\"encoding\":\"base64\"}");
    CLEANUP(json_deletep) cJSON *b = ask(f, "read_file", "{\"path\":\"b\"}");
    expect_str(b, TEXT "content", "AAH/");
    expect_str(b, TEXT "encoding", "base64");
    expect_str(b, TEXT "mime_type", "application/octet-stream");
    put(f, "{\"path\":\"i\",\"content\":\"iVBORw0KGgo=\",\"encoding\":\"base64\"}");
    CLEANUP(json_deletep) cJSON *i = ask(f, "read_file", "{\"path\":\"i\"}");
    expect_str(i, TEXT "encoding", "image");
    expect_str(i, TEXT "content", "");
    expect_str(i, "content.1.type", "image");
    expect_str(i, "content.1.mimeType", "image/png");
    expect_str(i, "content.1.data", "iVBORw0KGgo=");
    CLEANUP(json_deletep)
    cJSON *bytes = ask(f, "read_file", "{\"path\":\"i\",\"unit\":\"bytes\"}");
    expect_str(bytes, TEXT "content", "iVBORw0KGgo=");
}

/* An image is known to the oldest revision too; structured content is not. */
static void an_old_client_gets_the_image(void **state)
{
    struct pack_fixture *f = *state;
    CLEANUP(free_p) char *session = mcp_initialize(&f->mcp, "2024-11-05", "{}");
    static const char *const bodies[] = {
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/"
        "call\",\"params\":{\"name\":\"write_file\","
        "\"arguments\":{\"path\":\"i\",\"content\":\"R0lGODlh\",\"encoding\":\"base64\"}}}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/"
        "call\",\"params\":{\"name\":\"read_file\","
        "\"arguments\":{\"path\":\"i\"}}}"};
    struct exchange *x = mcp_post(&f->mcp, session, bodies[0]);
    done(x);
    x = mcp_post(&f->mcp, session, bodies[1]);
    CLEANUP(json_deletep) cJSON *reply = reply_json(x);
    expect_str(reply, "result.content.1.mimeType", "image/gif");
    assert_false(json_has(reply, "result.structuredContent"));
    done(x);
}

static void a_listing_is_paged_in_order(void **state)
{
    struct pack_fixture *f = *state;
    put(f, "{\"path\":\"d/b\",\"content\":\"x\"}");
    put(f, "{\"path\":\"d/a\",\"content\":\"xy\"}");
    put(f, "{\"path\":\"e\",\"content\":\"\"}");
    CLEANUP(json_deletep) cJSON *flat = ask(f, "list_files", "{}");
    expect_str(flat, TEXT "files.0.path", "d");
    expect_str(flat, TEXT "files.0.type", "directory");
    expect_str(flat, TEXT "files.1.path", "e");
    expect_int(flat, TEXT "files.1.size", 0);
    assert_false(json_has(flat, TEXT "files.2"));
    assert_true(cJSON_IsTrue(json_at(flat, TEXT "complete")));
    CLEANUP(json_deletep) cJSON *sub = ask(f, "list_files", "{\"path\":\"d\"}");
    expect_str(sub, TEXT "files.0.path", "d/a");
    expect_str(sub, TEXT "files.1.path", "d/b");

    CLEANUP(json_deletep)
    cJSON *first = ask(f, "list_files", "{\"recursive\":true,\"limit\":2}");
    expect_str(first, TEXT "files.0.path", "d");
    expect_str(first, TEXT "files.1.path", "d/a");
    CLEANUP(buf_deinit) struct buf next = {0};
    buf_printf(&next, "{\"recursive\":true,\"limit\":2,\"cursor\":\"%s\"}",
               json_at(first, TEXT "next_cursor")->valuestring);
    CLEANUP(json_deletep) cJSON *second = ask(f, "list_files", next.data);
    expect_str(second, TEXT "files.0.path", "d/b");
    expect_str(second, TEXT "files.1.path", "e");
    assert_true(cJSON_IsNull(json_at(second, TEXT "next_cursor")));
}

static void a_cursor_of_another_list_is_refused(void **state)
{
    struct pack_fixture *f = *state;
    CLEANUP(json_deletep) cJSON *r = ask(f, "list_executions", "{\"limit\":2}");
    CLEANUP(buf_deinit) struct buf other = {0};
    buf_printf(&other, "{\"cursor\":\"%s\"}", json_at(r, TEXT "next_cursor")->valuestring);
    pack_refused(f, "list_files", other.data, "cursor is none of ours");
    pack_refused(f, "list_files", "{\"cursor\":\"ZA==\"}", "cursor is none of ours");
}

static void what_is_wrong_is_named_with_the_way_out(void **state)
{
    static const struct {
        const char *tool, *arguments, *text;
    } rows[] = {
        {"read_file", "{}", "path is required"},
        {"read_file", "{\"path\":\"nope\"}", "path \"nope\" is not in the workspace: list_files"},
        {"read_file", "{\"path\":\"/etc/passwd\"}", "\"/etc/passwd\" is outside of the workspace"},
        {"read_file", "{\"path\":\"a/../../x\"}", "has a \"..\""},
        {"read_file", "{\"path\":\".\"}", "path \".\" is a directory: list_files"},
        {"read_file", "{\"path\":\"out/x\"}", "leads out of the workspace by a symbolic link"},
        {"read_file", "{\"path\":\"pipe\"}", "is a pipe, a socket or a device"},
        {"read_file", "{\"path\":\"f\",\"unit\":\"words\"}", "unit must be one of"},
        {"read_file", "{\"path\":\"f\",\"limit\":0}", "limit must be an integer"},
        {"list_files", "{\"path\":\"f\"}", "a file where a directory is needed"},
        {"list_files", "{\"path\":\"g\"}", "path \"g\" is not in the workspace"},
        {"list_files", "{\"limit\":1001}", "limit must be an integer from 1 to 1000"},
        {"write_file", "{\"path\":\"x\"}", "content is required"},
        {"write_file", "{\"path\":\"/\",\"content\":\"\"}", "outside of the workspace"},
        {"write_file", "{\"path\":\".\",\"content\":\"\"}", "is a directory"},
        {"write_file", "{\"path\":\"out/x\",\"content\":\"\"}", "leads out of the workspace"},
        {"write_file", "{\"path\":\"out\",\"content\":\"\"}",
         "a symbolic link that is not followed"},
        {"write_file", "{\"path\":\"x\",\"content\":\"?\",\"encoding\":\"base64\"}", "no base64"},
    };
    struct pack_fixture *f = *state;
    CLEANUP(free_p) char *ws = workspace(f), *pipe = NULL, *out = NULL;
    put(f, "{\"path\":\"f\",\"content\":\"\"}");
    assert_true(asprintf(&pipe, "%s/pipe", ws) > 0 && asprintf(&out, "%s/out", ws) > 0);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_int_equal(symlink("/", out), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        pack_refused(f, rows[i].tool, rows[i].arguments, rows[i].text);
}

static void a_file_or_a_workspace_that_is_too_large_is_refused(void **state)
{
    struct pack_fixture *f = *state;
    f->mcp.config.max_write_bytes = 4;
    put(f, "{\"path\":\"a\",\"content\":\"1234\"}");
    pack_refused(f, "write_file", "{\"path\":\"b\",\"content\":\"12345\"}",
                 "at most 4 bytes (the operator's files.max_file)");
    pack_refused(f, "write_file", "{\"path\":\"a\",\"content\":\"5\",\"append\":true}",
                 "files.max_file");
    f->mcp.config.workspace_quota_bytes = 6000; /* a file has blocks: 4096 bytes of most systems */
    f->mcp.config.max_write_bytes = 1 << 20;
    CLEANUP(buf_deinit) struct buf big = {0};
    buf_append_str(&big, "{\"path\":\"b\",\"content\":\"");
    for (int i = 0; i < 6000; i++)
        buf_append_char(&big, 'x');
    buf_append_str(&big, "\"}");
    pack_refused(f, "write_file", big.data,
                 "6000 bytes that it may have (the operator's "
                 "sandbox.workspace_quota)");
    f->mcp.config.workspace_quota_bytes = 0;
    put(f, big.data);
    f->mcp.config.min_free_bytes = UINT64_MAX / 2;
    pack_refused(f, "write_file", big.data, "the disk is full");
}

#define OF_IT "\"execution_id\":\"" PACK_ID "\""

static void the_workspace_of_an_execution_is_asked_for_by_its_id(void **state)
{
    struct pack_fixture *f = *state;
    CLEANUP(free_p) char *dir = NULL;
    pack_execution(f, "");
    pack_refused(f, "read_file", "{" OF_IT ",\"path\":\"f\"}",
                 "is gone: the workspace was removed");
    assert_true(asprintf(&dir, "%s/workspaces/s1", f->mcp.dir) > 0); /* of its session */
    assert_int_equal(dir_make(dir), 0);
    assert_int_equal(file_replace(dir, "f", "of it", 5), 0);
    CLEANUP(json_deletep) cJSON *r = ask(f, "read_file", "{" OF_IT ",\"path\":\"f\"}");
    expect_str(r, TEXT "content", "of it");
    CLEANUP(json_deletep)
    cJSON *part = ask(f, "read_file", "{" OF_IT ",\"path\":\"f\",\"unit\":\"bytes\",\"limit\":2}");
    expect_str(part, "content.1.type", "resource_link");
    expect_str(part, "content.1.uri", "exec://" PACK_ID "/files/f?offset=2");
    put(f, "{" OF_IT ",\"path\":\"g\",\"content\":\"x\"}");
    CLEANUP(json_deletep) cJSON *l = ask(f, "list_files", "{" OF_IT "}");
    expect_str(l, TEXT "files.1.path", "g");
    assert_false(json_has(l, TEXT "note"));
    pack_refused(f, "read_file", "{\"path\":\"f\"}", "is not in the workspace"); /* the caller's */

    f->reactor.outcome = CALL_E_NOT_FOUND;
    pack_refused(f, "read_file", "{" OF_IT ",\"path\":\"f\"}", "Execution not found");
    f->reactor.outcome = CALL_OK;
}

static void several_replicas_have_several_workspaces(void **state)
{
    struct pack_fixture *f = *state;
    struct config *c = &f->mcp.config;
    c->redis_url = (char *)"redis://localhost";
    c->replica_id = (char *)"r2";
    pack_refused(f, "read_file", "{\"path\":\"f\"}", "This is the workspace on replica r2");
    pack_refused(f, "read_file", "{" OF_IT ",\"path\":\"f\"}",
                 "lies on another replica than this one (r2)");
    put(f, "{\"path\":\"there\",\"content\":\"x\"}");
    CLEANUP(json_deletep) cJSON *l = ask(f, "list_files", "{}");
    assert_non_null(strstr(json_at(l, TEXT "note")->valuestring, "on replica r2; other replicas"));
    c->replica_id = (char *)"r1";
    c->redis_url = NULL;
}

static void the_tools_can_be_switched_off(void **state)
{
    struct pack_fixture *f = *state;
    struct config c = f->mcp.config;
    c.files_enabled = false;
    struct mcp_pack *pack = pack_exec_new(&c, &f->reactor);
    assert_int_equal(pack->n_tools + 3, f->pack->n_tools);
    for (size_t i = 0; i < pack->n_tools; i++)
        assert_null(strstr(pack->tools[i].name, "file"));
    assert_null(strstr(pack->instructions, "_file"));
    assert_null(strstr(pack_exec_help_no_files, "_file"));
    assert_non_null(strstr(pack_exec_help, "_file"));
    assert_non_null(strstr(f->pack->instructions, "_file"));
    pack_exec_free(pack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PACK_TEST(what_was_written_is_read),
        PACK_TEST(a_range_says_where_it_goes_on),
        PACK_TEST(binary_comes_as_base64_and_images_as_images),
        PACK_TEST(an_old_client_gets_the_image),
        PACK_TEST(a_listing_is_paged_in_order),
        PACK_TEST(a_cursor_of_another_list_is_refused),
        PACK_TEST(what_is_wrong_is_named_with_the_way_out),
        PACK_TEST(a_file_or_a_workspace_that_is_too_large_is_refused),
        PACK_TEST(the_workspace_of_an_execution_is_asked_for_by_its_id),
        PACK_TEST(several_replicas_have_several_workspaces),
        PACK_TEST(the_tools_can_be_switched_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
