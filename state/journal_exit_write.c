/* Apart from the reader, so that the keeper carries no JSON parser. */
#include "state/base/fd.h"
#include "state/journal.h"
#include "state/journal_exit.h"

const struct json_u64_field journal_exit_fields[] = {
    JSON_U64_FIELD(struct execution_exit, started_us),
    JSON_U64_FIELD(struct execution_exit, ended_us),
    JSON_U64_FIELD(struct execution_exit, wall_ms),
    JSON_U64_FIELD(struct execution_exit, user_ms),
    JSON_U64_FIELD(struct execution_exit, system_ms),
    JSON_U64_FIELD(struct execution_exit, max_rss_bytes),
    JSON_U64_FIELD(struct execution_exit, tree_cpu_ms),
    JSON_U64_FIELD(struct execution_exit, max_memory_bytes),
    JSON_U64_FIELD(struct execution_exit, memory_peak_bytes),
    JSON_U64_FIELD(struct execution_exit, oom_kills),
    JSON_U64_FIELD(struct execution_exit, max_processes),
    JSON_U64_FIELD(struct execution_exit, refused_forks),
    JSON_U64_FIELD(struct execution_exit, events),
    JSON_U64_FIELD(struct execution_exit, output_bytes),
    JSON_U64_FIELD(struct execution_exit, stdout_bytes),
    JSON_U64_FIELD(struct execution_exit, stderr_bytes),
    JSON_U64_FIELD(struct execution_exit, processes_killed),
};
static_assert(ARRAY_LEN(journal_exit_fields) == JOURNAL_EXIT_FIELDS, "the header says so");

void journal_exit_write(struct buf *b, const struct execution_exit *e)
{
    buf_append_char(b, '{');
    json_text_member_str(b, "reason", execution_reason_name(e->reason));
    json_text_member_i64(b, "exit_code", e->exit_code);
    json_text_member_i64(b, "term_signal", e->term_signal);
    json_text_key(b, "error");
    json_text_str(b, e->error, strnlen(e->error, sizeof(e->error)));
    json_text_members_u64(b, journal_exit_fields, JOURNAL_EXIT_FIELDS, e);
    buf_append_char(b, '}');
}

int journal_write_exit(const char *dir, const struct execution_exit *e)
{
    CLEANUP(buf_deinit) struct buf b = {0};

    journal_exit_write(&b, e);
    buf_append_char(&b, '\n');
    return file_replace(dir, "exit", b.data, b.len);
}
