/* What cgroups a machine has, from what /proc says; the numbers in their files. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exec/keeper/cgroup_file.h"
#include "exec/keeper/cgroup_find.h"
#include "exec/keeper/limits.h"
#include "state/base/fd.h"
#include "tests/unit/temp_dir.h"

#define V2(root, point) "30 23 0:26 " root " " point " rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
#define V1(root, point, options) \
    "32 31 0:29 " root " " point " rw,relatime shared:9 - cgroup cgroup rw," options "\n"
#define OTHER "24 1 0:23 / /proc rw - proc proc rw,cpu\n"

static const struct {
    const char *own, *mounts, *controller, *path; /* path NULL: none */
    bool is_root;
} places[] = {
    /* version 2 alone: at the root, in a unit, in a container that sees its group only */
    {"0::/\n", OTHER V2("/", "/sys/fs/cgroup"), NULL, "/sys/fs/cgroup", true},
    {"0::/system.slice/x.service\n", V2("/", "/sys/fs/cgroup"), NULL,
     "/sys/fs/cgroup/system.slice/x.service", false},
    {"0::/docker/a\n", V2("/docker/a", "/sys/fs/cgroup"), NULL, "/sys/fs/cgroup", true},
    {"0::/docker/a/b\n", V2("/docker/a", "/sys/fs/cgroup"), NULL, "/sys/fs/cgroup/b", false},
    /* what is mounted is another part of the hierarchy */
    {"0::/docker/ab\n", V2("/docker/a", "/sys/fs/cgroup"), NULL, NULL, false},
    {"0::/x\n", OTHER, NULL, NULL, false},
    {"4:memory:/x\n", V2("/", "/sys/fs/cgroup"), NULL, NULL, false},
    /* both versions */
    {"8:pids:/p\n4:memory:/m\n0::/u\n",
     V1("/", "/c/memory", "memory") V1("/", "/c/pids", "pids") V2("/", "/c/unified"), "memory",
     "/c/memory/m", false},
    {"8:pids:/p\n4:memory:/m\n0::/u\n",
     V1("/", "/c/memory", "memory") V1("/", "/c/pids", "pids") V2("/", "/c/unified"), NULL,
     "/c/unified/u", false},
    /* mounted together, and names that only begin alike */
    {"5:cpuset:/s\n3:cpu,cpuacct:/x\n",
     V1("/", "/c/set", "cpuset") V1("/", "/c/cpu", "cpu,cpuacct"), "cpu", "/c/cpu/x", false},
    {"3:cpu,cpuacct:/\n", V1("/", "/c/cpu", "cpu,cpuacct"), "cpuacct", "/c/cpu", true},
    {"5:cpuset:/s\n", V1("/", "/c/set", "cpuset"), "cpu", NULL, false},
    {"1:name=systemd:/s\n", V1("/", "/c/systemd", "xattr,name=systemd"), "memory", NULL, false},
    /* not what it should look like */
    {"", V2("/", "/c"), NULL, NULL, false},
    {"0:\n0\n::\n0::x\n", V2("/", "/c"), NULL, NULL, false},
    {"0::/\n", " - cgroup2 \n1 2 - cgroup2 x\n", NULL, NULL, false},
};

static void finds_our_group_in_each_hierarchy(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct cgroup_place place = {0};
        char *own = xstrdup(places[i].own), *mounts = xstrdup(places[i].mounts);
        bool is_there = cgroup_find_in(own, mounts, places[i].controller, &place);
        if (is_there != (places[i].path != NULL))
            fail_msg("place %zu: %s", i, is_there ? place.path : "none");
        if (is_there) {
            assert_string_equal(place.path, places[i].path);
            assert_int_equal(place.is_root, places[i].is_root);
        }
        free(place.path);
        free(own);
        free(mounts);
    }
}

static void put(const char *dir, const char *name, const char *text)
{
    assert_int_equal(file_replace(dir, name, text, strlen(text)), 0);
}

static void reads_the_numbers_of_a_group(void **state)
{
    const char *dir = *state;
    uint64_t v = 1;

    put(dir, "memory.max", "max\n");
    put(dir, "memory.peak", "4096\n");
    put(dir, "memory.events", "low 0\nhigh 0\nmax 17\noom 3\noom_kill 2\noom_group_kill 1\n");
    put(dir, "broken", "oom_kill\noom_kill x\n");
    put(dir, "cgroup.controllers", "cpuset cpu memory\n");
    assert_true(cgroup_read_u64(dir, "memory.max", &v) && v == UINT64_MAX);
    assert_true(cgroup_read_u64(dir, "memory.peak", &v) && v == 4096);
    assert_true(cgroup_read_key(dir, "memory.events", "oom_kill", &v) && v == 2);
    assert_true(cgroup_read_key(dir, "memory.events", "max", &v) && v == 17);
    v = 5;
    assert_false(cgroup_read_key(dir, "memory.events", "oom_k", &v));
    assert_false(cgroup_read_key(dir, "broken", "oom_kill", &v));
    assert_false(cgroup_read_key(dir, "none", "oom_kill", &v));
    assert_false(cgroup_read_u64(dir, "memory.events", &v));
    assert_int_equal(v, 5);
    assert_true(cgroup_has_word(dir, "cgroup.controllers", "cpu"));
    assert_true(cgroup_has_word(dir, "cgroup.controllers", "memory"));
    assert_false(cgroup_has_word(dir, "cgroup.controllers", "pids"));
    assert_int_equal(cgroup_write_u64(dir, "memory.max", 77), 0);
    assert_true(cgroup_read_key(dir, "cgroup.controllers", "cpuset", &v) == false);
    assert_int_equal(cgroup_write(dir, "none", "1"), -ENOENT);
}

/* Which files are written by version 2, and which numbers come from where: as a group that holds
 * plain files shows. The kernel's own are tried by test_keeper_limits. */
static void sets_and_reads_version_2(void **state)
{
    char *dir = *state;
    const struct cgroup_host h = {.base = dir,
                                  .unified = CGROUP_BIT(CGROUP_MEMORY) | CGROUP_BIT(CGROUP_PIDS) |
                                             CGROUP_BIT(CGROUP_CPU)};
    const struct cgroup g = {.path = dir};
    const struct execution_limits l = {
        .max_memory_bytes = 1 << 20, .max_processes = 9, .max_cpu_ms = 1};
    static const char *const files[] = {"memory.max", "memory.swap.max", "memory.oom.group",
                                        "pids.max"};
    static const uint64_t values[] = {1 << 20, 0, 1, 9};
    enum cgroup_controller failed = CGROUP_CONTROLLERS;
    unsigned held = 0;

    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        put(dir, files[i], "");
    assert_int_equal(limits_set(&h, &g, &l, &held, &failed), 0);
    assert_int_equal(held, h.unified);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        uint64_t v = 77;
        assert_true(cgroup_read_u64(dir, files[i], &v));
        assert_int_equal(v, values[i]);
    }
    put(dir, "memory.peak", "123\n");
    put(dir, "memory.events", "oom 1\noom_kill 4\n");
    put(dir, "pids.events", "max 5\n");
    put(dir, "cpu.stat", "usage_usec 7000\nuser_usec 1\n");
    assert_int_equal(limits_memory_peak(&h, &g), 123);
    assert_int_equal(limits_oom_kills(&h, &g), 4);
    assert_int_equal(limits_refused_forks(&h, &g), 5);
    assert_int_equal(limits_cpu_us(&h, &g), 7000);
}

/* One that is there and can't be set is no limit: that is told, not passed over. */
static void a_limit_that_can_not_be_set_is_an_error(void **state)
{
    char *dir = *state;
    const struct cgroup_host h = {.v1[CGROUP_PIDS] = dir};
    const struct cgroup g = {.v1[CGROUP_PIDS] = dir};
    const struct execution_limits l = {.max_memory_bytes = 1 << 20, .max_processes = 9};
    enum cgroup_controller failed = CGROUP_CONTROLLERS;
    unsigned held = 0;

    assert_int_equal(limits_set(&h, &g, &l, &held, &failed), -ENOENT);
    assert_int_equal(failed, CGROUP_PIDS);
    assert_string_equal(limits_controller_name(failed), "pids");
    put(dir, "pids.max", "");
    assert_int_equal(limits_set(&h, &g, &l, &held, &failed), 0);
    assert_int_equal(held, CGROUP_BIT(CGROUP_PIDS)); /* memory is nowhere: not held */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_our_group_in_each_hierarchy),
        temp_dir_test(reads_the_numbers_of_a_group),
        temp_dir_test(sets_and_reads_version_2),
        temp_dir_test(a_limit_that_can_not_be_set_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
