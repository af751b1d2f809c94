/* Paths of clients: what is taken, and the order of listings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/mcp/file_list.h"
#include "server/mcp/file_path.h"
#include "server/mcp/file_type.h"
#include "state/base/macro.h"
#include "tests/unit/random.h"

#define HOME "/var/lib/x/workspaces/s1"

static void paths_are_taken_from_the_workspace_down(void **state)
{
    static const struct {
        const char *text, *path;
    } rows[] = {
        {"a", "a"},
        {"a/b.c", "a/b.c"},
        {"./a//b/./c/", "a/b/c"},
        {"", ""},
        {".", ""},
        {"./", ""},
        {"...", "..."},
        {"..a/b..", "..a/b.."},
        {"/workspace", ""},
        {"/workspace/", ""},
        {"/workspace//a/b", "a/b"},
        {HOME, ""},
        {HOME "/a", "a"},
        {"\xc3\xa4 b\n", "\xc3\xa4 b\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char path[FILE_PATH_MAX + 1];
        const char *why = NULL;
        if (!file_path_parse(rows[i].text, HOME, path, &why))
            fail_msg("%s %s", rows[i].text, why);
        assert_string_equal(path, rows[i].path);
    }
}

static void what_is_no_path_in_there_is_refused(void **state)
{
    static char component[FILE_NAME_MAX + 2], all[FILE_PATH_MAX + 2], deep[3 * FILE_DEPTH_MAX];
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"/", "outside"},           {"/etc/passwd", "outside"},
        {"/workspaces", "outside"}, {"//workspace/a", "outside"},
        {HOME "2/a", "outside"},    {"..", "\"..\""},
        {"a/../b", "\"..\""},       {"/workspace/../etc", "\"..\""},
        {HOME "/..", "\"..\""},     {component, "too long"},
        {all, "too long"},          {deep, "too deep"},
    };
    memset(component, 'x', sizeof(component) - 1);
    for (size_t i = 0; i + 1 < sizeof(all); i++)
        all[i] = i % 100 == 99 ? '/' : 'y';
    for (size_t i = 0; i <= FILE_DEPTH_MAX; i++)
        memcpy(deep + 2 * i, "d/", 2);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char path[FILE_PATH_MAX + 1] = "untouched";
        const char *why = "";
        assert_false(file_path_parse(rows[i].text, HOME, path, &why));
        if (!strstr(why, rows[i].why))
            fail_msg("%s: %s", rows[i].text, why);
        assert_string_equal(path, "untouched");
    }
}

static void a_directory_is_followed_by_what_is_in_it(void **state)
{
    static const char *const order[] = {"", "a", "a/b", "a/b/c", "a/z", "a b", "a-b", "a.c", "aa"};
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        for (size_t k = 0; k < ARRAY_LEN(order); k++) {
            int c = file_path_compare(order[i], order[k]);
            assert_int_equal((c > 0) - (c < 0), (i > k) - (i < k));
        }
    }
}

/* ---- pages ---- */

static int by_path(const void *a, const void *b)
{
    return file_path_compare(*(const char *const *)a, *(const char *const *)b);
}

static struct random rnd = {7};

static void shuffle(char **names, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t k = random_below(&rnd, i);
        char *t = names[i - 1];
        names[i - 1] = names[k];
        names[k] = t;
    }
}

/* Page by page, each from names in another order, it is the sorted list. */
static void check_pages(char **names, size_t n, size_t limit)
{
    CLEANUP(free_p) char **sorted = xcalloc(n + 1, sizeof(*sorted));
    char after[64] = "";
    size_t at = 0;
    memcpy(sorted, names, n * sizeof(*names));
    qsort(sorted, n, sizeof(*sorted), by_path);
    for (bool has_more = true; has_more;) {
        struct file_list l = {.limit = limit, .after = at > 0 ? after : NULL};
        shuffle(names, n);
        for (size_t i = 0; i < n; i++)
            file_list_offer(&l, names[i], &(struct stat){.st_size = (off_t)i});
        file_list_sort(&l);
        assert_true(l.n <= limit);
        for (size_t i = 0; i < l.n; i++)
            assert_string_equal(l.entries[i].path, sorted[at++]);
        has_more = l.has_more;
        assert_int_equal(has_more, at < n);
        if (l.n > 0)
            (void)snprintf(after, sizeof(after), "%s", l.entries[l.n - 1].path);
        file_list_deinit(&l);
    }
    assert_int_equal(at, n);
}

static void pages_together_are_the_sorted_listing(void **state)
{
    static const char letters[] = "ab/.-";
    for (unsigned round = 0; round < 300; round++) {
        char *names[40];
        size_t n = 0, wanted = random_below(&rnd, 40);
        for (size_t i = 0; i < wanted; i++) {
            char name[8];
            size_t len = 1 + random_below(&rnd, 6);
            bool is_new = true;
            for (size_t k = 0; k < len; k++)
                name[k] = letters[random_below(&rnd, 5)];
            name[len] = '\0';
            for (size_t k = 0; k < n; k++)
                is_new = is_new && strcmp(names[k], name) != 0;
            if (is_new)
                names[n++] = xstrdup(name);
        }
        check_pages(names, n, 1 + random_below(&rnd, 12));
        while (n > 0)
            free(names[--n]);
    }
}

/* ---- types ---- */

static void types_go_by_bytes_then_by_name(void **state)
{
    static const struct {
        const char *name, *begin, *type;
    } rows[] = {
        {"plot.png", "\x89PNG\r\n\x1a\n....", "image/png"},
        {"plot.txt", "\x89PNG\r\n\x1a\n....", "image/png"},
        {"a.jpg", "\xff\xd8\xff\xe0", "image/jpeg"},
        {"a", "GIF89a", "image/gif"},
        {"a", "RIFF....WEBPVP8 ", "image/webp"},
        {"fake.png", "no image", "text/plain"},
        {"a.json", "{}", "application/json"},
        {"A.HTML", "<p>", "text/html"},
        {"drawing.svg", "<svg/>", "image/svg+xml"},
        {"notes", "", "text/plain"},
        {"a.json", "\xff\xfe", "application/octet-stream"},
        {"a.bin", "%PDF-1.7", "application/pdf"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t len = strlen(rows[i].begin);
        bool is_text = file_is_text(rows[i].begin, len);
        assert_string_equal(file_type(rows[i].name, rows[i].begin, len, is_text), rows[i].type);
    }
    assert_null(file_image_type("RIFF....WAVE", 12));
    assert_null(file_image_type("RIFF", 4));
    assert_false(file_is_text("a\0b", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_taken_from_the_workspace_down),
        cmocka_unit_test(what_is_no_path_in_there_is_refused),
        cmocka_unit_test(a_directory_is_followed_by_what_is_in_it),
        cmocka_unit_test(pages_together_are_the_sorted_listing),
        cmocka_unit_test(types_go_by_bytes_then_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
