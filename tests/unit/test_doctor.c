/* --doctor: the grammar of nginx, what is said of a configuration of nginx, and the report. What is
 * said of a host is tried by tests/integration/doctor.mjs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/doctor/nginx_conf.h"
#include "server/doctor/report.h"
#include "tests/unit/temp_dir.h"

/* ---- the grammar ---- */

static struct nginx_directive parse(const char *text)
{
    struct nginx_directive root;
    unsigned line = 0;
    if (!nginx_conf_parse(text, strlen(text), &root, &line))
        fail_msg("line %u of %s", line, text);
    return root;
}

static void words_are_plain_or_quoted(void **state)
{
    CLEANUP(nginx_conf_deinit)
    struct nginx_directive root = parse("# comment { ;\n"
                                        "a b#c \"d e;{\" 'f\"' \"g\\\"h\" i\\ j ${k}l;\n"
                                        "map $x $y { default \"\"; \"~^a{2}$\" ${z}; }\n");
    static const char *const words[] = {"a", "b#c", "d e;{", "f\"", "g\"h", "i\\ j", "${k}l"};

    assert_int_equal(root.n, 2);
    assert_int_equal(root.v[0].n_words, ARRAY_LEN(words));
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        assert_string_equal(root.v[0].words[i], words[i]);
    assert_true(root.v[1].is_block);
    assert_string_equal(root.v[1].v[0].words[1], "");
}

static void what_is_no_configuration_is_refused_with_its_line(void **state)
{
    static const struct {
        const char *text;
        unsigned line;
    } cases[] = {{"a\n b", 2}, {"a {\n b c;\n", 3}, {"a;\n}", 2}, {"a \"b;\n", 2},   {"a;\n\n;", 3},
                 {"{ }", 1},   {"a }", 1},          {"a 'b", 1},  {"a b;\nc {;}", 2}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct nginx_directive root;
        unsigned line = 0;
        if (nginx_conf_parse(cases[i].text, strlen(cases[i].text), &root, &line) ||
            line != cases[i].line)
            fail_msg("\"%s\": line %u", cases[i].text, line);
        nginx_conf_deinit(&root);
    }
    for (unsigned depth = NGINX_DEPTH_MAX; depth <= NGINX_DEPTH_MAX + 1; depth++) {
        CLEANUP(buf_deinit) struct buf b = {0};
        struct nginx_directive root;
        unsigned line;
        for (unsigned i = 0; i < depth; i++)
            buf_append_str(&b, "a {");
        for (unsigned i = 0; i < depth; i++)
            buf_append_str(&b, "}");
        assert_int_equal(nginx_conf_parse(b.data, b.len, &root, &line), depth == NGINX_DEPTH_MAX);
        nginx_conf_deinit(&root);
    }
}

static void times_and_sizes_have_units(void **state)
{
    static const struct {
        const char *text;
        uint64_t ms, bytes; /* UINT64_MAX: not one */
    } cases[] = {
        {"x 60;", 60000, 60},
        {"x 1h 30m;", 5400000, UINT64_MAX},
        {"x 1h30m;", 5400000, UINT64_MAX},
        {"x 500ms;", 500, UINT64_MAX},
        {"x 4m;", 240000, 4 << 20},
        {"x 8K;", UINT64_MAX, 8192},
        {"x 0;", 0, 0},
        {"x;", UINT64_MAX, UINT64_MAX},
        {"x -1;", UINT64_MAX, UINT64_MAX},
        {"x $a;", UINT64_MAX, UINT64_MAX},
        {"x 5z;", UINT64_MAX, UINT64_MAX},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(nginx_conf_deinit) struct nginx_directive root = parse(cases[i].text);
        uint64_t ms = UINT64_MAX, bytes = UINT64_MAX;
        (void)!nginx_conf_time(&root.v[0], &ms);
        (void)!nginx_conf_size(&root.v[0], &bytes);
        if (ms != cases[i].ms || bytes != cases[i].bytes)
            fail_msg("%s", cases[i].text);
    }
}

/* ---- what is said ---- */

struct said {
    char *text; /* owned */
    unsigned n_warnings, n_failures;
};

static struct said look_at(const char *dir, const char *text)
{
    const struct config c = {.max_wait_ms = 300000, .max_body_bytes = 4 << 20};
    struct said ret = {0};
    size_t len;
    struct doctor d = {.config = &c, .out = open_memstream(&ret.text, &len)};
    CLEANUP(free_p) char *path = temp_path(dir, "nginx.conf");

    assert_int_equal(file_replace(dir, "nginx.conf", text, strlen(text)), 0);
    doctor_check_nginx(&d, path);
    assert_int_equal(fclose(d.out), 0);
    ret.n_warnings = d.n_warnings;
    ret.n_failures = d.n_failures;
    return ret;
}

#define GOOD \
    "proxy_http_version 1.1; proxy_buffering off; proxy_read_timeout 1h; client_max_body_size 4m;"

static void says_what_is_wrong_with_a_balancer(void **state)
{
    static const struct {
        const char *text, *says;
        unsigned n_failures, n_warnings;
    } cases[] = {
        {"http { " GOOD " server { location /mcp { proxy_pass http://a; } } }", "ok    nginx", 0,
         0},
        /* the inner one counts, wherever it stands */
        {"http { proxy_buffering on; server { location /mcp { proxy_pass http://a; " GOOD " } } }",
         "ok    nginx", 0, 0},
        {"http { " GOOD " server { location /mcp { proxy_pass http://a; proxy_buffering on; } } }",
         "location /mcp: output and events are held back", 1, 0},
        {"server { location = /sse { proxy_pass http://a; } }", "location /sse", 1, 3},
        {"http { " GOOD " proxy_read_timeout 60s; server { proxy_pass http://a; } }",
         "proxy_read_timeout is 60 s", 0, 1},
        {"http { " GOOD " client_max_body_size 1m; location / { proxy_pass http://a; } }",
         "requests above 1048576 bytes are refused", 0, 1},
        {"http { " GOOD " client_max_body_size 0; location / { proxy_pass http://a; } }",
         "ok    nginx", 0, 0},
        {"http { " GOOD " location / { proxy_next_upstream error non_idempotent; "
         "proxy_pass http://a; } }",
         "may run twice", 1, 0},
        {"http { server { return 404; } }", "nothing is passed on", 1, 0},
        {"http { server {", "nginx.conf:1: can't be understood", 1, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct said said = look_at(*state, cases[i].text);
        if (!strstr(said.text, cases[i].says) || said.n_failures != cases[i].n_failures ||
            said.n_warnings != cases[i].n_warnings)
            fail_msg("%s\n%s", cases[i].text, said.text);
        free(said.text);
    }
}

static void put(const char *dir, const char *name, const char *text)
{
    assert_int_equal(file_replace(dir, name, text, strlen(text)), 0);
}

static void follows_includes(void **state)
{
    put(*state, "proxy.inc", GOOD);
    put(*state, "a.site", "location /mcp { include proxy.inc; proxy_pass http://a; }");
    put(*state, "b.site", "location /b { proxy_pass http://a; proxy_http_version 1.1; }");
    struct said said = look_at(*state, "http { server { include *.site; } }");
    assert_null(strstr(said.text, "/mcp"));
    assert_non_null(strstr(said.text, "location /b: output"));
    free(said.text);
    said = look_at(*state, "http { include none.inc; include none.*; }");
    assert_non_null(strstr(said.text, "none.inc: No such file"));
    assert_int_equal(said.n_failures, 1);
    free(said.text);
    /* One that includes itself comes to an end. */
    said = look_at(*state, "http { include nginx.conf; " GOOD " proxy_pass http://a; }");
    assert_int_equal(said.n_failures, 0);
    free(said.text);
}

static void each_line_says_what_mends_it(void **state)
{
    char *text = NULL;
    size_t len;
    struct doctor d = {.out = open_memstream(&text, &len)};

    doctor_ok(&d, "a", "%d", 1);
    doctor_warn(&d, "b", "sysctl x", "two");
    doctor_fail(&d, "c", NULL, "three");
    assert_int_equal(fclose(d.out), 0);
    assert_string_equal(text, "ok    a: 1\nwarn  b: two\n      mend: sysctl x\nfail  c: three\n");
    assert_int_equal(d.n_warnings, 1);
    assert_int_equal(d.n_failures, 1);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_plain_or_quoted),
        cmocka_unit_test(what_is_no_configuration_is_refused_with_its_line),
        cmocka_unit_test(times_and_sizes_have_units),
        temp_dir_test(says_what_is_wrong_with_a_balancer),
        temp_dir_test(follows_includes),
        cmocka_unit_test(each_line_says_what_mends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
