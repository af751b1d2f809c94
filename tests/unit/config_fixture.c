#include "tests/unit/config_fixture.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <sys/stat.h>

#include <cmocka.h>

static char top[PATH_MAX];       /* where the program was started */
static char directory[PATH_MAX]; /* ours */

int fixture_setup(void **state)
{
    const char *tmp = getenv("TMPDIR");
    (void)umask(077); /* files with tokens; who wants others to read one says so */
    if (!getcwd(top, sizeof(top)))
        return -1;
    (void)snprintf(directory, sizeof(directory), "%s/test_config.XXXXXX", tmp ? tmp : "/tmp");
    return mkdtemp(directory) && chdir(directory) == 0 ? 0 : -1;
}

int fixture_teardown(void **state)
{
    static const char *const files[] = {"config.yaml", "etc.yaml", "printed.yaml"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        (void)unlink(files[i]);
    return chdir(top) == 0 && rmdir(directory) == 0 ? 0 : -1;
}

void fixture_write(const char *name, const char *text)
{
    CLEANUP(mem_close_p) FILE *f = fopen(name, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
}

char *fixture_read(const char *path)
{
    CLEANUP(mem_close_p) FILE *f = fopen(path, "re");
    if (!f)
        return NULL;
    char *text = NULL;
    size_t cap = 0;
    if (getdelim(&text, &cap, '\0', f) < 0) {
        free(text);
        return mem_strdup("");
    }
    return text;
}

struct outcome fixture_run(const struct setup *s)
{
    struct outcome o = {0};
    size_t out_len, errors_len;
    char *argv[24] = {(char *)"mcp-execd"};
    int argc = 1;
    if (s->yaml) {
        fixture_write("config.yaml", s->yaml);
        argv[argc++] = (char *)"--config";
        argv[argc++] = (char *)"config.yaml";
    }
    for (size_t i = 0; s->flags[i]; i++)
        argv[argc++] = (char *)s->flags[i];
    const struct config_world world = {
        .file = s->etc_file ? s->etc_file : "none.yaml",
        .machine = {.state_dir = s->state_dir ? s->state_dir : "/tmp/mcp-execd-of-the-tests",
                    .host_name = s->host_name ? s->host_name : "unit",
                    .environ_ = (char *const *)s->env},
        .out = mem_stream(&o.out, &out_len),
        .errors = mem_stream(&o.errors, &errors_len),
    };
    o.action = load_from(argc, argv, &world, &o.config);
    assert_int_equal(fclose(world.out), 0);
    assert_int_equal(fclose(world.errors), 0);
    assert_int_equal(o.config != NULL, o.action == CONFIG_RUN);
    return o;
}

void outcome_deinit(struct outcome *o)
{
    config_free(o->config);
    free(o->out);
    free(o->errors);
}

void fixture_check(const struct setup *s, enum config_action action, const char *errors)
{
    CLEANUP(outcome_deinit) struct outcome o = fixture_run(s);
    assert_string_equal(o.errors, errors);
    assert_int_equal(o.action, action);
}
