/* Nothing leads out of a workspace: not the trees of links that commands can make, nor what they do
 * while a path is looked up. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "server/mcp/file_path.h"
#include "server/mcp/file_root.h"
#include "server/mcp/file_write.h"
#include "state/base/clock.h"
#include "tests/unit/random.h"
#include "tests/unit/temp_dir.h"

#define INSIDE  "inside"
#define OUTSIDE "secret"

/* <dir>/ws is the workspace, <dir>/out lies beside it. */
struct place {
    char *ws, *out; /* owned */
    struct file_root root;
};

static void put(const char *dir, const char *name, const char *text)
{
    CLEANUP(free_p) char *path = temp_path(dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static struct place place_make(const char *dir)
{
    struct place p = {.ws = temp_path(dir, "ws"), .out = temp_path(dir, "out")};
    assert_int_equal(dir_make(p.ws), 0);
    assert_int_equal(dir_make(p.out), 0);
    put(p.out, "file", OUTSIDE);
    assert_int_equal(file_root_open(p.ws, false, &p.root), FILE_OK);
    return p;
}

static void place_end(struct place *p)
{
    file_root_close(&p->root);
    free(p->ws);
    free(p->out);
}

static void link_to(const char *dir, const char *name, const char *target)
{
    CLEANUP(free_p) char *path = temp_path(dir, name);
    assert_int_equal(symlink(target, path), 0);
}

/* The outcome, and what was read when there is a file. */
static int read_it(const struct file_root *root, const char *path, char text[64])
{
    CLEANUP(fd_closep) int fd = -1;
    struct stat st;
    int r = file_open_regular(root, path, &fd, &st);
    text[0] = '\0';
    if (r != FILE_OK)
        return r;
    ssize_t n = read(fd, text, 63);
    assert_true(n >= 0);
    text[n] = '\0';
    return r;
}

static void expect(const struct place *p, const char *path, int outcome)
{
    char text[64];
    int r = read_it(&p->root, path, text);
    if (r != outcome)
        fail_msg("%s: %d, not %d", path, r, outcome);
    assert_string_equal(text, r == FILE_OK ? INSIDE : "");
}

static void what_is_in_it_is_found_and_nothing_else(void **state)
{
    struct place p = place_make(*state);
    put(p.ws, "file", INSIDE);
    CLEANUP(free_p) char *sub = temp_path(p.ws, "sub");
    assert_int_equal(dir_make(sub), 0);
    put(sub, "file", INSIDE);
    link_to(sub, "up", "../file");
    link_to(p.ws, "dir", "sub");
    link_to(p.ws, "loop", "loop");
    link_to(p.ws, "dangling", "nowhere");
    link_to(p.ws, "absolute", p.out);
    link_to(p.ws, "home", p.ws);
    link_to(p.ws, "beside", "../out/file");
    link_to(sub, "far", "../../out");
    link_to(p.ws, "magic", "/proc/self/root");
    expect(&p, "file", FILE_OK);
    expect(&p, "sub/up", FILE_OK);
    expect(&p, "dir/file", FILE_OK);
    expect(&p, "loop", FILE_E_LINK);
    expect(&p, "dangling", FILE_E_MISSING);
    expect(&p, "missing", FILE_E_MISSING);
    expect(&p, "absolute/file", FILE_E_OUTSIDE);
    expect(&p, "home/file", FILE_E_OUTSIDE); /* the same place, but by way of the outside */
    expect(&p, "beside", FILE_E_OUTSIDE);
    expect(&p, "sub/far/file", FILE_E_OUTSIDE);
    expect(&p, "magic/etc/passwd", FILE_E_OUTSIDE);
    expect(&p, "file/x", FILE_E_NOT_DIRECTORY);
    expect(&p, "sub", FILE_E_IS_DIRECTORY);
    expect(&p, "", FILE_E_IS_DIRECTORY);
    place_end(&p);
}

static void without_openat2_no_link_is_followed(void **state)
{
    struct place p = place_make(*state);
    put(p.ws, "file", INSIDE);
    CLEANUP(free_p) char *sub = temp_path(p.ws, "sub");
    assert_int_equal(dir_make(sub), 0);
    put(sub, "file", INSIDE);
    link_to(p.ws, "dir", "sub");
    link_to(p.ws, "last", "file");
    link_to(p.ws, "out", p.out);
    file_root_without_openat2(true);
    expect(&p, "file", FILE_OK);
    expect(&p, "sub/file", FILE_OK);
    expect(&p, "dir/file", FILE_E_LINK);
    expect(&p, "last", FILE_E_LINK);
    expect(&p, "out/file", FILE_E_LINK);
    expect(&p, "missing/file", FILE_E_MISSING);
    expect(&p, "file/x", FILE_E_NOT_DIRECTORY);
    file_root_without_openat2(false);
    place_end(&p);
}

static void what_is_no_file_is_refused_at_once(void **state)
{
    struct place p = place_make(*state);
    CLEANUP(free_p) char *fifo = temp_path(p.ws, "fifo");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    CLEANUP(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_true((size_t)snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", p.ws) <
                sizeof(address.sun_path));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    alarm(20); /* who opens a pipe for reading waits for a writer */
    for (int i = 0; i < 2; i++) {
        file_root_without_openat2(i == 1);
        expect(&p, "fifo", FILE_E_SPECIAL);
        expect(&p, "s", FILE_E_SPECIAL);
        struct file_content c = {.path = "fifo", .data = "x", .len = 1, .appends = true};
        struct file_written written;
        assert_int_equal(file_write(&p.root, &c, &written), FILE_E_SPECIAL);
        c.appends = false;
        assert_int_equal(file_write(&p.root, &c, &written), FILE_E_SPECIAL);
    }
    file_root_without_openat2(false);
    alarm(0);
    place_end(&p);
}

static void a_second_name_of_a_foreign_file_is_refused(void **state)
{
    struct place p = place_make(*state);
    CLEANUP(free_p) char *theirs = temp_path(p.out, "theirs");
    CLEANUP(free_p) char *name = temp_path(p.ws, "name");
    put(p.out, "theirs", OUTSIDE);
    assert_int_equal(chown(theirs, 12345, 12345), 0);
    assert_int_equal(link(theirs, name), 0);
    expect(&p, "name", FILE_E_FOREIGN);
    assert_int_equal(unlink(theirs), 0); /* now it is the only one */
    char text[64];
    assert_int_equal(read_it(&p.root, "name", text), FILE_OK);
    place_end(&p);
}

/* ---- random trees against a model ---- */

enum kind { DIRECTORY, PLAIN, LINK };
struct node {
    enum kind kind;
    unsigned parent; /* of a node; the root's is itself */
    char name[4];
    char target[64];
};
#define NODES     24
#define LINKS_MAX 40 /* path_resolution(7) */
#define M_OUTSIDE (-1)
#define M_MISSING (-2)
#define M_LOOP    (-3)
#define M_NOT_DIR (-4)

struct model {
    struct node nodes[NODES];
    unsigned n, followed;
};

static int child_of(const struct model *m, int dir, const char *name, size_t len)
{
    for (unsigned i = 1; i < m->n; i++)
        if ((int)m->nodes[i].parent == dir && strlen(m->nodes[i].name) == len &&
            memcmp(m->nodes[i].name, name, len) == 0)
            return (int)i;
    return M_MISSING;
}

/* Where a path leads from a directory on, below the root, links followed. */
static int lead(struct model *m, int dir, const char *path)
{
    if (*path == '/')
        return M_OUTSIDE;
    while (*path && dir >= 0) {
        size_t n = strcspn(path, "/");
        int next;
        if (m->nodes[dir].kind != DIRECTORY)
            return M_NOT_DIR;
        if (n == 2 && path[0] == '.' && path[1] == '.')
            next = dir == 0 ? M_OUTSIDE : (int)m->nodes[dir].parent;
        else if (n == 1 && path[0] == '.')
            next = dir;
        else
            next = child_of(m, dir, path, n);
        if (next >= 0 && m->nodes[next].kind == LINK)
            next = ++m->followed > LINKS_MAX ? M_LOOP : lead(m, dir, m->nodes[next].target);
        dir = next;
        path += n + strspn(path + n, "/");
    }
    return dir;
}

static void node_path(const struct model *m, unsigned i, struct buf *ret)
{
    if (i == 0)
        return;
    node_path(m, m->nodes[i].parent, ret);
    buf_printf(ret, "%s%s", ret->len > 0 ? "/" : "", m->nodes[i].name);
}

static void random_target(struct random *r, char ret[64], const char *out)
{
    static const char *const steps[] = {"..", "a", "b", "c", "."};
    unsigned n = 1 + (unsigned)random_below(r, 4);
    ret[0] = '\0';
    if (random_below(r, 12) == 0) {
        (void)snprintf(ret, 64, "%s", out);
        return;
    }
    for (unsigned i = 0; i < n; i++) {
        if (i > 0)
            strcat(ret, "/");
        strcat(ret, steps[random_below(r, 5)]);
    }
}

static void build(struct model *m, struct random *r, const struct place *p)
{
    *m = (struct model){.n = 1};
    for (unsigned tries = 0; tries < 200 && m->n < NODES; tries++) {
        struct node *node = &m->nodes[m->n];
        *node = (struct node){.kind = (enum kind)random_below(r, 3),
                              .parent = (unsigned)random_below(r, m->n),
                              .name = {(char)('a' + random_below(r, 3))}};
        if (m->nodes[node->parent].kind != DIRECTORY ||
            child_of(m, (int)node->parent, node->name, 1) >= 0)
            continue;
        CLEANUP(buf_deinit) struct buf path = {0};
        m->n++;
        node_path(m, m->n - 1, &path);
        CLEANUP(free_p) char *whole = temp_path(p->ws, path.data);
        if (node->kind == DIRECTORY)
            assert_int_equal(mkdir(whole, 0700), 0);
        else if (node->kind == PLAIN)
            put(p->ws, path.data, INSIDE);
        else
            random_target(r, node->target, p->out);
        if (node->kind == LINK)
            assert_int_equal(symlink(node->target, whole), 0);
    }
}

static int expected(struct model *m, const char *path)
{
    m->followed = 0;
    int at = lead(m, 0, path);
    switch (at) {
    case M_OUTSIDE:
        return FILE_E_OUTSIDE;
    case M_MISSING:
        return FILE_E_MISSING;
    case M_LOOP:
        return FILE_E_LINK;
    case M_NOT_DIR:
        return FILE_E_NOT_DIRECTORY;
    default:
        return m->nodes[at].kind == DIRECTORY ? FILE_E_IS_DIRECTORY : FILE_OK;
    }
}

static void random_trees_of_links_resolve_as_the_model_says(void **state)
{
    struct random r = {99};
    unsigned found = 0, outside = 0;
    for (unsigned round = 0; round < 60; round++) {
        CLEANUP(buf_deinit) struct buf dir = {0};
        struct model m;
        buf_printf(&dir, "%s/%u", (char *)*state, round);
        struct place p = place_make(dir.data);
        build(&m, &r, &p);
        for (unsigned k = 0; k < 200; k++) {
            static const char *const names[] = {"a", "b", "c"};
            CLEANUP(buf_deinit) struct buf path = {0};
            for (uint64_t n = 1 + random_below(&r, 5); n > 0; n--)
                buf_printf(&path, "%s%s", path.len > 0 ? "/" : "", names[random_below(&r, 3)]);
            int wanted = expected(&m, path.data);
            expect(&p, path.data, wanted);
            found += wanted == FILE_OK;
            outside += wanted == FILE_E_OUTSIDE;
        }
        place_end(&p);
    }
    assert_true(found > 200 && outside > 200); /* else the trees were too simple to say anything */
}

/* ---- a command that changes things meanwhile ---- */

struct racer {
    const struct place *p;
    atomic_bool stop;
};

/* "swap" is a directory of the workspace, then a link out of it, and so on. */
static void *run_racer(void *arg)
{
    struct racer *racer = arg;
    CLEANUP(free_p) char *swap = temp_path(racer->p->ws, "swap");
    CLEANUP(free_p) char *bad = temp_path(racer->p->ws, "bad");
    while (!atomic_load(&racer->stop))
        if (renameat2(AT_FDCWD, swap, AT_FDCWD, bad, RENAME_EXCHANGE) < 0)
            fail_msg("renameat2: %s", strerror(errno));
    return NULL;
}

/* One reading and one writing; what came of the reading. */
static int race_once(const struct place *p, bool appends)
{
    char text[64];
    struct file_written written;
    const struct file_content c = {
        .path = "swap/made", .data = INSIDE, .len = strlen(INSIDE), .appends = appends};
    int r = read_it(&p->root, "swap/file", text);
    assert_true(r >= 0 && r <= FILE_E_FAR);
    assert_string_equal(text, r == FILE_OK ? INSIDE : "");
    assert_true(file_write(&p->root, &c, &written) >= 0);
    return r;
}

/* Until both were met often, within a bound. */
static void race(struct place *p)
{
    struct racer racer = {.p = p};
    unsigned inside = 0, outside = 0;
    pthread_t thread;
    uint64_t end_ms = clock_mono_ms() + 30000;
    assert_int_equal(pthread_create(&thread, NULL, run_racer, &racer), 0);
    for (bool appends = false; inside < 500 || outside < 500; appends = !appends) {
        bool is_inside = race_once(p, appends) == FILE_OK;
        inside += is_inside;
        outside += !is_inside;
        if (clock_mono_ms() > end_ms)
            fail_msg("inside %u times, outside %u times", inside, outside);
    }
    atomic_store(&racer.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    CLEANUP(free_p) char *made = temp_path(p->out, "made");
    assert_int_equal(access(made, F_OK), -1);
}

static void no_race_leads_out(void **state)
{
    struct place p = place_make(*state);
    CLEANUP(free_p) char *swap = temp_path(p.ws, "swap");
    assert_int_equal(dir_make(swap), 0);
    put(swap, "file", INSIDE);
    link_to(p.ws, "bad", "../out");
    race(&p);
    file_root_without_openat2(true);
    race(&p);
    file_root_without_openat2(false);
    place_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_dir_test(what_is_in_it_is_found_and_nothing_else),
        temp_dir_test(without_openat2_no_link_is_followed),
        temp_dir_test(what_is_no_file_is_refused_at_once),
        temp_dir_test(random_trees_of_links_resolve_as_the_model_says),
        temp_dir_test(no_race_leads_out),
        temp_dir_test(a_second_name_of_a_foreign_file_is_refused), /* last: it needs root */
    };
    size_t n = ARRAY_LEN(tests) - (geteuid() == 0 ? 0 : 1);
    return _cmocka_run_group_tests("file_root", tests, n, NULL, NULL);
}
