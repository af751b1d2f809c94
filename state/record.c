#include "state/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "state/base/json_text.h"
#include "state/journal_exit.h"

static void member_or_null(struct buf *b, const char *key, const char *s)
{
    json_text_key(b, key);
    if (s)
        json_text_str(b, s, strlen(s));
    else
        buf_append_str(b, "null");
}

/* UTC, ISO 8601, with all six decimals; null for 0. */
static void member_time(struct buf *b, const char *key, uint64_t us)
{
    char text[40];
    struct tm tm;
    time_t seconds = (time_t)(us / 1000000);
    if (us == 0 || !gmtime_r(&seconds, &tm))
        return member_or_null(b, key, NULL);
    size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(text + n, sizeof(text) - n, ".%06uZ", (unsigned)(us % 1000000));
    member_or_null(b, key, text);
}

static void append_usage(struct buf *b, const struct execution_exit *x)
{
    json_text_key(b, "usage");
    buf_append_char(b, '{');
    json_text_member_u64(b, "wall_ms", x->wall_ms);
    json_text_member_u64(b, "user_ms", x->user_ms);
    json_text_member_u64(b, "system_ms", x->system_ms);
    json_text_member_u64(b, "max_rss_bytes", x->max_rss_bytes);
    buf_append_char(b, '}');
}

/* For people: what replicas read again is `exit`, which has all of it. */
static void append_end(struct buf *b, const struct record *r)
{
    char name[EXECUTION_SIGNAL_NAME_MAX];
    const struct execution_exit *x = &r->exit;
    if (r->has_exit && execution_exit_has_code(x))
        json_text_member_i64(b, "exit_code", x->exit_code);
    else
        member_or_null(b, "exit_code", NULL);
    member_or_null(b, "error_message", r->has_exit && x->error[0] ? x->error : NULL);
    if (!r->has_exit)
        return;
    member_or_null(b, "signal", execution_signal_name(x->term_signal, name));
    member_or_null(b, "reason", execution_reason_name(x->reason));
    append_usage(b, x);
    json_text_member_u64(b, "processes_killed", x->processes_killed);
    if (r->stdout_sha256[0])
        json_text_member_str(b, "stdout_sha256", r->stdout_sha256);
    if (r->stderr_sha256[0])
        json_text_member_str(b, "stderr_sha256", r->stderr_sha256);
    json_text_key(b, "exit");
    journal_exit_write(b, x);
}

void record_write(const struct record *r, struct buf *to)
{
    struct buf head = {0};
    buf_append_char(&head, '{');
    json_text_member_str(&head, "id", r->id);
    json_text_member_str(&head, "status", execution_status_name(r->status));
    json_text_member_str(&head, "replica", r->replica);
    assert(head.len <= RECORD_HEAD_MAX);
    json_text_member_u64(&head, "first_event", r->first_event);
    json_text_member_u64(&head, "first_offset", r->first_offset);
    json_text_member_u64(&head, "events", r->events);
    json_text_member_u64(&head, "bytes_out", r->output_bytes);
    member_or_null(&head, "session_id", r->session_id);
    member_or_null(&head, "owner", r->principal);
    json_text_member_bool(&head, "interactive", r->interactive);
    member_time(&head, "created_at", r->created_us);
    member_time(&head, "started_at", r->started_us);
    member_time(&head, "completed_at", r->has_exit ? r->exit.ended_us : 0);
    member_time(&head, "last_output_at", r->last_output_us);
    member_time(&head, "changed_at", r->changed_us);
    if (r->interactive) {
        json_text_member_str(&head, "waiting", execution_waiting_name(r->waiting));
        json_text_member_u64(&head, "inputs", r->inputs);
    }
    if (r->output)
        json_text_member_str(&head, "output", r->output);
    if (r->reserved)
        json_text_member_str(&head, "reserved", r->reserved);
    if (r->request_hash[0])
        json_text_member_str(&head, "request_hash", r->request_hash);
    append_end(&head, r);
    member_or_null(&head, "command", r->command);
    buf_append_char(&head, '}');
    buf_append(to, head.data, head.len);
    buf_deinit(&head);
}

void record_deinit(struct record *r)
{
    free(r->principal);
    free(r->session_id);
    free(r->command);
    free(r->reserved);
    free(r->output);
    memset(r, 0, sizeof(*r));
}

/* ---- keys ---- */

static char *key_of(const char *before, const char *name, const char *behind)
{
    struct buf b = {0};
    buf_printf(&b, "%s%s%s", before, name, behind);
    return buf_steal(&b);
}

char *record_key(const char *id)
{
    return key_of("execution:", id, "");
}

char *record_output_key(const char *id)
{
    return key_of("execution:", id, ":output");
}

/* A principal may be any text; where it ends in a key's name must be seen. */
static void append_principal(struct buf *b, const char *principal)
{
    for (const char *p = principal; *p; p++) {
        if (*p == ':' || *p == '%')
            buf_printf(b, "%%%02X", (unsigned)*p);
        else
            buf_append_char(b, *p);
    }
}

char *record_owner_key(const char *principal)
{
    struct buf b = {0};
    buf_append_str(&b, "owner:");
    append_principal(&b, principal);
    buf_append_str(&b, ":executions");
    return buf_steal(&b);
}

char *record_idempotency_key(const char *principal, const char *key)
{
    struct buf b = {0};
    buf_append_str(&b, "idempotency:");
    append_principal(&b, principal);
    buf_append_char(&b, ':');
    buf_append_str(&b, key);
    return buf_steal(&b);
}

char *record_session_key(const char *session_id)
{
    return key_of("session:", session_id, ":executions");
}

char *record_running_key(const char *replica)
{
    return key_of("replica:", replica, ":running");
}
