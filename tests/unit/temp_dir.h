#pragma once
/* A directory for one test, made before it and removed with all that it left: list the test of
 * cmocka as temp_dir_test(name); its *state is the path. */
#include "state/base/buf.h"
#include "state/base/fd.h"

static inline int temp_dir_setup(void **state)
{
    const char *base = getenv("TMPDIR");
    struct buf path = {0};

    buf_printf(&path, "%s/mcp-execd-test.XXXXXX", base ? base : "/tmp");
    *state = buf_steal(&path);
    return mkdtemp(*state) ? 0 : -1;
}

static inline int temp_dir_teardown(void **state)
{
    int r = dir_remove(*state);
    free(*state);
    return r;
}

/* <dir>/<name>, the caller's. */
static inline char *temp_path(const char *dir, const char *name)
{
    struct buf path = {0};
    buf_printf(&path, "%s/%s", dir, name);
    return buf_steal(&path);
}

#define temp_dir_test(f) cmocka_unit_test_setup_teardown(f, temp_dir_setup, temp_dir_teardown)
