#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "state/base/fd.h"
#include "state/base/json.h"
#include "state/base/utf8.h"
#include "state/journal.h"
#include "state/journal_exit.h"

/* Larger than any that is written: the error text is short. */
#define EXIT_FILE_MAX 16384

static bool get_int(const cJSON *o, const char *key, int *ret)
{
    int64_t v;

    if (!json_get_i64(o, key, &v) || v < INT_MIN || v > INT_MAX)
        return false;
    *ret = (int)v;
    return true;
}

bool journal_exit_read(const cJSON *o, struct execution_exit *ret)
{
    const char *reason, *error;

    if (!json_get_str(o, "reason", &reason) || !json_get_str(o, "error", &error) ||
        !execution_reason_from_name(reason, &ret->reason) || ret->reason == REASON_NONE ||
        !get_int(o, "exit_code", &ret->exit_code) ||
        !get_int(o, "term_signal", &ret->term_signal) ||
        !json_get_u64_fields(o, journal_exit_fields, JOURNAL_EXIT_FIELDS, ret))
        return false;
    size_t n = utf8_cut(error, strlen(error), sizeof(ret->error) - 1);
    memcpy(ret->error, error, n);
    return true;
}

int journal_read_exit(const char *dir, struct execution_exit *ret)
{
    CLEANUP(buf_deinit) struct buf path = {0};
    CLEANUP(free_p) char *text = NULL;
    CLEANUP(json_deletep) cJSON *o = NULL;
    struct execution_exit e = {0};
    size_t len, error_at;

    buf_printf(&path, "%s/exit", dir);
    int r = file_read(path.data, EXIT_FILE_MAX, &text, &len);
    if (r < 0)
        return r == -EFBIG ? -EBADMSG : r;
    if (json_parse(text, len, &o, &error_at) != JSON_OK || !journal_exit_read(o, &e))
        return -EBADMSG;
    *ret = e;
    return 0;
}
