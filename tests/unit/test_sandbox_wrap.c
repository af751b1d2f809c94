/* From a profile to bwrap's arguments: what is mounted where, in which order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <sys/stat.h>

#include <cmocka.h>

#include "exec/sandbox_filter.h"
#include "exec/sandbox_wrap.h"
#include "state/base/fd.h"
#include "tests/unit/temp_dir.h"

#define LIST(...)                                                \
    ((struct config_strings){.v = (char *[]){__VA_ARGS__, NULL}, \
                             .n = ARRAY_LEN(((char *[]){__VA_ARGS__}))})

/* As one text, one argument a line, with /tmp/… of the test as @. */
static char *text_of(char **argv, const char *dir)
{
    struct buf b = {0};
    for (char **p = argv; *p; p++) {
        size_t len = strlen(dir);
        if (strncmp(*p, dir, len) == 0)
            buf_printf(&b, "@%s\n", *p + len);
        else
            buf_printf(&b, "%s\n", *p);
    }
    return buf_steal(&b);
}

static char *make(const struct sandbox_wrap *w, const char *dir)
{
    CLEANUP(strv_freep) char **argv = sandbox_wrap_make(w);
    return text_of(argv, dir);
}

static struct sandbox_wrap wrap_of(const struct config_profile *p)
{
    return (struct sandbox_wrap){
        .profile = p, .bwrap = "/usr/bin/bwrap", .workspace = "/mnt", .state_dir = "/no/state"};
}

static char *make_dir(const char *dir, const char *name)
{
    char *path = temp_path(dir, name);
    assert_int_equal(dir_make(path), 0);
    assert_int_equal(chmod(path, 0755), 0);
    return path;
}

/* The place of `text` in what was made; fails where it is not. */
static const char *at(const char *made, const char *text)
{
    const char *found = strstr(made, text);
    if (!found)
        fail_msg("%s is not in\n%s", text, made);
    return found;
}

static void ask(struct sandbox_paths *p, enum sandbox_mount how, const char *path,
                bool is_directory)
{
    sandbox_paths_add(p, &(struct sandbox_path){.how = how,
                                                .is_directory = is_directory,
                                                .path = (char *)(uintptr_t)path});
}

static void what_lies_below_a_hidden_path_goes_with_it(void **state)
{
    CLEANUP(sandbox_paths_deinit) struct sandbox_paths p = {0};
    ask(&p, SANDBOX_READ_ONLY, "/workspace/a", true);
    ask(&p, SANDBOX_WRITABLE, "/workspace/a/b", true);
    ask(&p, SANDBOX_HIDDEN, "/workspace/a", true);
    ask(&p, SANDBOX_HIDDEN, "/workspace/a/c", false);
    ask(&p, SANDBOX_HIDDEN, "/workspace/a", true);
    ask(&p, SANDBOX_READ_ONLY, "/workspace/ab", true);
    sandbox_paths_drop_hidden(&p);
    assert_int_equal(p.n, 2);
    assert_string_equal(p.v[0].path, "/workspace/a");
    assert_int_equal(p.v[0].how, SANDBOX_HIDDEN);
    assert_string_equal(p.v[1].path, "/workspace/ab");
}

static void everything_is_its_own(void **state)
{
    struct config_profile p = {.tmp_bytes = 4096, .uid = 7};
    struct sandbox_wrap w = wrap_of(&p);
    CLEANUP(free_p) char *made = make(&w, *state);
    static const char *const wanted[] = {
        "--unshare-user\n--unshare-all\n--disable-userns\n",
        "--die-with-parent\n",
        "--new-session\n",
        "--as-pid-1\n",
        "--cap-drop\nALL\n",
        "--uid\n7\n--gid\n7\n",
        "--proc\n/proc\n--dev\n/dev\n",
        "--perms\n1777\n--size\n4096\n--tmpfs\n/tmp\n",
        "--tmpfs\n/dev/shm\n--remount-ro\n/dev\n",
        "--perms\n0444\n--ro-bind-data\n6\n/etc/passwd\n",
        "--perms\n0444\n--ro-bind-data\n7\n/etc/group\n",
        "--bind\n/mnt\n/workspace\n",
        "--remount-ro\n/\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        (void)at(made, wanted[i]);
    assert_null(strstr(made, "--share-net"));
    p.network = CONFIG_NETWORK_HOST;
    CLEANUP(free_p) char *shared = make(&w, *state);
    (void)at(shared, "--share-net\n");
}

static void made_users_give_way_to_what_the_profile_says(void **state)
{
    char etc[] = "/etc", passwd[] = "/etc/passwd", group[] = "/etc/group";
    struct config_profile p = {.read_only = LIST(etc, passwd), .hidden = LIST(group)};
    struct sandbox_wrap w = wrap_of(&p);
    CLEANUP(free_p) char *made = make(&w, *state);
    assert_null(strstr(made, "--ro-bind-data"));
}

static void parents_are_mounted_before_what_lies_below(void **state)
{
    CLEANUP(free_p) char *a = make_dir(*state, "a");
    CLEANUP(free_p) char *b = make_dir(*state, "a/b b");
    CLEANUP(free_p) char *c = make_dir(*state, "a/b b/c");
    assert_int_equal(chmod(*state, 0755), 0);
    struct config_profile p = {
        .read_only = LIST(c, a), .writable = LIST(b), .hidden = LIST(c), .tmp_bytes = 1};
    struct sandbox_wrap w = wrap_of(&p);
    CLEANUP(free_p) char *made = make(&w, *state);
    const char *first = at(made, "--ro-bind\n@/a\n@/a\n"),
               *second = at(made, "--bind\n@/a/b b\n@/a/b b\n"),
               *third = at(made, "--ro-bind\n@/a/b b/c\n"),
               *last = at(made, "--tmpfs\n@/a/b b/c\n");
    assert_true(first < second && second < third && third < last);
    assert_true(at(made, "--tmpfs\n/tmp\n") < first);
}

static void the_hosts_root_comes_before_what_is_its_own(void **state)
{
    char root[] = "/";
    struct config_profile p = {.read_only = LIST(root), .tmp_bytes = 1};
    struct sandbox_wrap w = wrap_of(&p);
    CLEANUP(free_p) char *made = make(&w, *state);
    assert_true(at(made, "--ro-bind\n/\n/\n") < at(made, "--proc\n/proc\n"));
}

static void what_is_not_there_is_left_out(void **state)
{
    CLEANUP(free_p) char *none = temp_path(*state, "none");
    struct config_profile p = {
        .read_only = LIST(none), .writable = LIST(none), .hidden = LIST(none), .tmp_bytes = 1};
    struct sandbox_wrap w = wrap_of(&p);
    CLEANUP(free_p) char *made = make(&w, *state);
    assert_null(strstr(made, "none"));
}

static void a_link_stays_one_if_it_leads_to_what_is_granted(void **state)
{
    CLEANUP(free_p) char *usr = make_dir(*state, "usr");
    free(make_dir(*state, "usr/bin"));
    CLEANUP(free_p) char *link = temp_path(*state, "bin");
    assert_int_equal(symlink("usr/bin", link), 0);
    struct config_profile p = {.read_only = LIST(usr, link), .tmp_bytes = 1};
    struct sandbox_wrap w = wrap_of(&p);
    CLEANUP(free_p) char *made = make(&w, *state);
    (void)at(made, "--symlink\nusr/bin\n@/bin\n");
    p.read_only = LIST(link);
    CLEANUP(free_p) char *alone = make(&w, *state);
    (void)at(alone, "--ro-bind\n@/bin\n@/bin\n");
}

static void the_state_directory_is_hidden_in_what_is_granted(void **state)
{
    CLEANUP(free_p) char *var = make_dir(*state, "var");
    CLEANUP(free_p) char *st = make_dir(*state, "var/state");
    assert_int_equal(chmod(*state, 0755), 0);
    struct config_profile p = {.read_only = LIST(var), .tmp_bytes = 1};
    struct sandbox_wrap w = wrap_of(&p);
    w.state_dir = st;
    CLEANUP(free_p) char *made = make(&w, *state);
    assert_true(at(made, "--ro-bind\n@/var\n") <
                at(made, "--tmpfs\n@/var/state\n--remount-ro\n@/var/state\n"));
}

/* Granted by another name, named by another one itself, and both. */
static void links_do_not_show_what_is_hidden(void **state)
{
    CLEANUP(sandbox_paths_deinit) struct sandbox_paths asked = {0};
    CLEANUP(free_p) char *var = make_dir(*state, "var");
    CLEANUP(free_p) char *st = make_dir(*state, "var/state");
    CLEANUP(free_p) char *alias = temp_path(*state, "alias");
    CLEANUP(free_p) char *name = temp_path(*state, "name");
    CLEANUP(free_p) char *deep = temp_path(*state, "alias/state");
    assert_int_equal(chmod(*state, 0755), 0);
    assert_int_equal(symlink("var", alias), 0);
    assert_int_equal(symlink(st, name), 0);
    struct config_profile p = {.read_only = LIST(alias), .tmp_bytes = 1};
    struct sandbox_wrap w = wrap_of(&p);
    const char *const names[] = {st, name, deep};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        w.state_dir = names[i];
        CLEANUP(free_p) char *made = make(&w, *state);
        assert_true(at(made, "--ro-bind\n@/alias\n@/alias\n") <
                    at(made, "--tmpfs\n@/alias/state\n"));
    }
    p.read_only = LIST(alias, var); /* now it stays a link, to where it is hidden */
    CLEANUP(free_p) char *both = make(&w, *state);
    (void)at(both, "--symlink\nvar\n@/alias\n");
    (void)at(both, "--tmpfs\n@/var/state\n");
    assert_null(strstr(both, "--tmpfs\n@/alias/state\n"));
    p = (struct config_profile){.tmp_bytes = 1};
    ask(&asked, SANDBOX_WRITABLE, alias, true);
    ask(&asked, SANDBOX_WRITABLE, deep, true);
    w.asked = &asked;
    CLEANUP(free_p) char *by_call = make(&w, *state);
    assert_true(at(by_call, "--bind\n@/alias/state\n") < at(by_call, "--tmpfs\n@/alias/state\n"));
}

static void the_configuration_is_hidden_in_what_is_granted(void **state)
{
    CLEANUP(free_p) char *etc = make_dir(*state, "etc");
    assert_int_equal(chmod(*state, 0755), 0);
    assert_int_equal(file_replace(etc, "my.yaml", "x", 1), 0);
    CLEANUP(free_p) char *file = temp_path(etc, "my.yaml");
    struct config_profile p = {.read_only = LIST(etc), .tmp_bytes = 1};
    struct sandbox_wrap w = wrap_of(&p);
    w.config_file = file;
    CLEANUP(free_p) char *made = make(&w, *state);
    (void)at(made, "--ro-bind\n/dev/null\n@/etc/my.yaml\n");
}

static size_t count_of(const char *made, const char *text)
{
    size_t n = 0;
    for (const char *at = made; (at = strstr(at, text)); at++)
        n++;
    return n;
}

/* As the preset hides /etc/mcp-execd, where the configuration is. */
static void nothing_is_mounted_in_what_is_hidden(void **state)
{
    CLEANUP(free_p) char *etc = make_dir(*state, "etc");
    CLEANUP(free_p) char *own = make_dir(*state, "etc/own");
    assert_int_equal(chmod(*state, 0755), 0);
    assert_int_equal(file_replace(own, "my.yaml", "x", 1), 0);
    CLEANUP(free_p) char *file = temp_path(own, "my.yaml");
    struct config_profile p = {.read_only = LIST(etc), .hidden = LIST(own), .tmp_bytes = 1};
    struct sandbox_wrap w = wrap_of(&p);
    w.config_file = file;
    CLEANUP(free_p) char *made = make(&w, *state);
    (void)at(made, "--tmpfs\n@/etc/own\n");
    assert_null(strstr(made, "my.yaml"));
}

static void a_call_makes_nothing_visible(void **state)
{
    CLEANUP(sandbox_paths_deinit) struct sandbox_paths asked = {0};
    CLEANUP(free_p) char *data = make_dir(*state, "data");
    CLEANUP(free_p) char *hidden = make_dir(*state, "data/hidden");
    CLEANUP(free_p) char *below = make_dir(*state, "data/hidden/below");
    CLEANUP(free_p) char *service = make_dir(*state, "data/service");
    CLEANUP(free_p) char *other = make_dir(*state, "data/other");
    assert_int_equal(chmod(*state, 0755), 0);
    struct config_profile p = {.hidden = LIST(below, hidden), .tmp_bytes = 1};
    struct sandbox_wrap w = wrap_of(&p);
    w.state_dir = service;
    w.asked = &asked;
    ask(&asked, SANDBOX_WRITABLE, other, true);
    CLEANUP(free_p) char *beside = make(&w, *state);
    assert_int_equal(count_of(beside, "--tmpfs\n@"), 0);
    ask(&asked, SANDBOX_WRITABLE, data, true);
    CLEANUP(free_p) char *made = make(&w, *state);
    const char *asked_for = at(made, "--bind\n@/data\n@/data\n");
    assert_true(asked_for < at(made, "--tmpfs\n@/data/hidden\n"));
    assert_true(asked_for < at(made, "--tmpfs\n@/data/service\n"));
    assert_int_equal(count_of(made, "--tmpfs\n@"), 2);
    ask(&asked, SANDBOX_HIDDEN, hidden, true); /* by the call itself */
    CLEANUP(free_p) char *both = make(&w, *state);
    assert_int_equal(count_of(both, "--tmpfs\n@/data/hidden\n"), 1);
}

static void a_hidden_file_can_not_be_opened(void **state)
{
    CLEANUP(free_p) char *etc = make_dir(*state, "etc");
    assert_int_equal(chmod(*state, 0755), 0);
    assert_int_equal(file_replace(etc, "secret", "x", 1), 0);
    CLEANUP(free_p) char *secret = temp_path(etc, "secret");
    struct config_profile p = {.read_only = LIST(etc), .hidden = LIST(secret), .tmp_bytes = 1};
    struct sandbox_wrap w = wrap_of(&p);
    CLEANUP(free_p) char *made = make(&w, *state);
    (void)at(made, "--ro-bind\n/dev/null\n@/etc/secret\n");
    assert_false(sandbox_wrap_sees(&p, secret));
    assert_true(sandbox_wrap_sees(&p, etc));
}

static void what_a_call_asks_for_comes_last(void **state)
{
    CLEANUP(sandbox_paths_deinit) struct sandbox_paths asked = {0};
    struct config_profile p = {.tmp_bytes = 1};
    struct sandbox_wrap w = wrap_of(&p);
    ask(&asked, SANDBOX_READ_ONLY, "/workspace/a b", true);
    ask(&asked, SANDBOX_HIDDEN, "/workspace/c", true);
    ask(&asked, SANDBOX_WRITABLE, "/srv/x", true);
    w.asked = &asked;
    CLEANUP(free_p) char *made = make(&w, *state);
    const char *workspace = at(made, "--bind\n/mnt\n/workspace\n");
    assert_true(workspace < at(made, "--ro-bind\n/mnt/a b\n/workspace/a b\n"));
    assert_true(workspace < at(made, "--tmpfs\n/workspace/c\n"));
    assert_true(workspace < at(made, "--bind\n/srv/x\n/srv/x\n"));
}

/* However many paths there are: each argument is one, none is lost. */
static void many_paths_are_all_there(void **state)
{
    enum { N = 500 };
    CLEANUP(sandbox_paths_deinit) struct sandbox_paths asked = {0};
    struct config_profile p = {.tmp_bytes = 1};
    struct sandbox_wrap w = wrap_of(&p);
    for (int i = 0; i < N; i++) {
        char path[64];
        snprintf(path, sizeof(path), "/workspace/--bind /etc %d\n'$x", i);
        ask(&asked, SANDBOX_HIDDEN, path, false);
    }
    CLEANUP(strv_freep) char **without = sandbox_wrap_make(&w);
    w.asked = &asked;
    CLEANUP(strv_freep) char **with = sandbox_wrap_make(&w);
    size_t n = 0, m = 0;
    for (char **a = with; *a; a++)
        n++;
    for (char **a = without; *a; a++)
        m++;
    assert_int_equal(n - m, 3 * N);
}

static void a_path_is_below_another_by_whole_names(void **state)
{
    assert_true(sandbox_path_is_below("/a/b", "/a"));
    assert_true(sandbox_path_is_below("/a", "/a"));
    assert_true(sandbox_path_is_below("/a", "/"));
    assert_false(sandbox_path_is_below("/ab", "/a"));
    assert_false(sandbox_path_is_below("/", "/a"));
}

/* What it refuses is shown inside a sandbox, tests/integration/escape.mjs. */
static void the_filter_is_a_program_of_the_kernel(void **state)
{
    CLEANUP(free_p) void *filter = NULL;
    size_t len = 0;
    assert_int_equal(sandbox_filter_make(&filter, &len), 0);
    assert_int_equal(len % 8, 0); /* struct sock_filter */
    assert_in_range(len / 8, 50, 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_dir_test(what_lies_below_a_hidden_path_goes_with_it),
        temp_dir_test(everything_is_its_own),
        temp_dir_test(made_users_give_way_to_what_the_profile_says),
        temp_dir_test(parents_are_mounted_before_what_lies_below),
        temp_dir_test(the_hosts_root_comes_before_what_is_its_own),
        temp_dir_test(what_is_not_there_is_left_out),
        temp_dir_test(a_link_stays_one_if_it_leads_to_what_is_granted),
        temp_dir_test(the_state_directory_is_hidden_in_what_is_granted),
        temp_dir_test(links_do_not_show_what_is_hidden),
        temp_dir_test(the_configuration_is_hidden_in_what_is_granted),
        temp_dir_test(nothing_is_mounted_in_what_is_hidden),
        temp_dir_test(a_call_makes_nothing_visible),
        temp_dir_test(a_hidden_file_can_not_be_opened),
        temp_dir_test(what_a_call_asks_for_comes_last),
        temp_dir_test(many_paths_are_all_there),
        temp_dir_test(a_path_is_below_another_by_whole_names),
        temp_dir_test(the_filter_is_a_program_of_the_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
