#include "server/mcp/execution_json.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "server/mcp/waiting_json.h"
#include "state/base/buf.h"
#include "state/base/clock.h"
#include "state/spec.h"

const char *const execution_status_values[] = {"pending", "running", "completed", "cancelled",
                                               "failed",  "timeout", "lost",      NULL};
const char *const execution_reason_values[] = {
    "exited",    "signaled",        "timeout",      "idle_timeout", "cancelled", "oom",
    "cpu_limit", "file_size_limit", "output_limit", "spawn_failed", "shutdown",  "lost",
    NULL};

static const struct arg usage_rows[] = {
    {.name = "wall_ms", .type = ARG_INTEGER},
    {.name = "user_ms", .type = ARG_INTEGER},
    {.name = "system_ms", .type = ARG_INTEGER},
    {.name = "max_rss_bytes", .type = ARG_INTEGER},
    {.name = "memory_peak_bytes", .type = ARG_INTEGER},
    {.name = "memory_limit_bytes", .type = ARG_INTEGER},
    {.name = "oom_kills", .type = ARG_INTEGER},
    {.name = "forks_refused", .type = ARG_INTEGER},
};
const struct arg_set execution_usage = {
    .args = usage_rows, .n = ARRAY_LEN(usage_rows), .is_open = true};

static const struct arg status_rows[] = {
    {.name = "id", .type = ARG_STRING, .flags = ARG_REQUIRED},
    EXECUTION_STATUS_ROW,
    {.name = "command", .type = ARG_STRING, .flags = ARG_NULLABLE},
    {.name = "interactive", .type = ARG_BOOLEAN, .flags = ARG_REQUIRED},
    {.name = "started_at", .type = ARG_STRING, .flags = ARG_NULLABLE},
    {.name = "completed_at", .type = ARG_STRING, .flags = ARG_NULLABLE},
    WAITING_ROWS,
    EXECUTION_END_ROWS,
    {.name = "replica", .type = ARG_STRING, .flags = ARG_REQUIRED},
    {.name = "session_id", .type = ARG_STRING, .flags = ARG_NULLABLE},
    {.name = "bytes_out", .type = ARG_INTEGER, .flags = ARG_REQUIRED},
    {.name = "last_output_at", .type = ARG_STRING, .flags = ARG_NULLABLE},
    {.name = "queue_position", .type = ARG_INTEGER},
};
const struct arg_set execution_status_result = {
    .args = status_rows, .n = ARRAY_LEN(status_rows), .is_open = true};

void json_add_str_or_null(cJSON *o, const char *name, const char *s)
{
    if (s)
        cJSON_AddStringToObject(o, name, s);
    else
        cJSON_AddNullToObject(o, name);
}

/* The keeper tells of what grew a moment after it can be read, and who has read it must not be told
 * of less. */
static void see_growth(struct execution_view *v, const char *state_dir)
{
    struct journal_record last;
    size_t n;
    CLEANUP(journal_closep) struct journal *j = NULL;
    if (journal_open(state_dir, v->id, &j) < 0 || journal_output_bytes(j) <= v->output_bytes)
        return;
    v->output_bytes = journal_output_bytes(j);
    if (journal_records(j, journal_events(j) - 1, &last, 1, &n) == 0 && n == 1)
        v->last_output_us = last.time_us;
}

void execution_facts_read(struct execution_facts *f, const char *state_dir,
                          const struct execution_view *v)
{
    *f = (struct execution_facts){.state_dir = state_dir, .view = *v};
    CLEANUP(free_p) char *dir = journal_dir(state_dir, v->id);
    f->has_exit = journal_read_exit(dir, &f->exit) == 0;
    if (!f->has_exit)
        return see_growth(&f->view, state_dir);
    f->view.status = execution_status_of(f->exit.reason);
    f->view.output_bytes = f->exit.output_bytes;
    if (f->exit.started_us)
        f->view.started_us = f->exit.started_us;
}

void execution_facts_of_list(struct execution_facts *f, const char *state_dir,
                             const struct call *list, size_t i)
{
    const struct record *r = list->records && list->records[i].id[0] ? &list->records[i] : NULL;
    if (!r)
        return execution_facts_read(f, state_dir, &list->views[i]);
    *f = (struct execution_facts){.state_dir = state_dir,
                                  .view = list->views[i],
                                  .has_exit = r->has_exit,
                                  .exit = r->exit,
                                  .record = r};
}

bool execution_has_exit_code(const struct execution_facts *f)
{
    return f->has_exit && execution_exit_has_code(&f->exit);
}

/* NULL: nothing went wrong but, maybe, in the command itself. */
static const char *default_message(const struct execution_exit *x)
{
    switch (x->reason) {
    case REASON_NONE:
    case REASON_EXITED:
    case REASON_SIGNALED:
        return NULL;
    case REASON_TIMEOUT:
        return "Timed out: the time of timeout_seconds was over";
    case REASON_IDLE_TIMEOUT:
        return "Timed out: no output and no input for too long (limits.idle_timeout)";
    case REASON_CANCELLED:
        return "Cancelled";
    case REASON_OOM:
        return "Used more memory than it may (limits.max_memory)";
    case REASON_CPU_LIMIT:
        return "Used more CPU time than it may (limits.max_cpu)";
    case REASON_FILE_SIZE_LIMIT:
        if (x->term_signal == SIGXFSZ)
            return "Wrote a larger file than it may (limits.max_file, sandbox.workspace_quota)";
        return "Filled the workspace with more than it may hold (sandbox.workspace_quota): remove "
               "something";
    case REASON_OUTPUT_LIMIT:
        return "Wrote more output than it may (limits.max_output)";
    case REASON_SPAWN_FAILED:
        return "Could not be started";
    case REASON_SHUTDOWN:
        return "Cancelled: the server was shut down";
    case REASON_LOST:
        return x->term_signal /* its keeper lived */
                   ? "Declared lost while its server gave no sign of life, and ended when it was "
                     "back"
                   : "What ran it died; how it ended is not known";
    }
    return NULL;
}

/* Only what was limited for the tree was counted for it. */
static void add_tree_usage(cJSON *u, const struct execution_exit *x)
{
    if (x->max_memory_bytes) {
        cJSON_AddNumberToObject(u, "memory_peak_bytes", (double)x->memory_peak_bytes);
        cJSON_AddNumberToObject(u, "memory_limit_bytes", (double)x->max_memory_bytes);
        cJSON_AddNumberToObject(u, "oom_kills", (double)x->oom_kills);
    }
    if (x->max_processes)
        cJSON_AddNumberToObject(u, "forks_refused", (double)x->refused_forks);
}

/* NULL: it is something else. The caller's. */
static char *oom_message(const struct execution_exit *x)
{
    struct buf b = {0};
    if (x->reason != REASON_OOM || !x->max_memory_bytes)
        return NULL;
    buf_printf(&b,
               "Used more memory than it may: the limit of all its processes together is %.1f MiB "
               "(limits.max_memory, or max_memory_mb of the call), the most it used was %.1f MiB",
               (double)x->max_memory_bytes / 1048576, (double)x->memory_peak_bytes / 1048576);
    return buf_steal(&b);
}

static void add_usage(cJSON *o, const struct execution_exit *x)
{
    if (x->started_us == 0) {
        cJSON_AddNullToObject(o, "usage");
        return;
    }
    cJSON *u = cJSON_AddObjectToObject(o, "usage");
    cJSON_AddNumberToObject(u, "wall_ms", (double)x->wall_ms);
    cJSON_AddNumberToObject(u, "user_ms", (double)x->user_ms);
    cJSON_AddNumberToObject(u, "system_ms", (double)x->system_ms);
    cJSON_AddNumberToObject(u, "max_rss_bytes", (double)x->max_rss_bytes);
    add_tree_usage(u, x);
}

static void add_sums(cJSON *o, const struct execution_facts *f)
{
    struct journal_sums sums = f->sums;
    bool is_there = f->has_sums;
    if (!is_there)
        is_there = journal_sums(f->state_dir, f->view.id, SUMS_MAX_BYTES, &sums) == 0;
    json_add_str_or_null(o, "stdout_sha256", is_there ? sums.stdout_hex : NULL);
    json_add_str_or_null(o, "stderr_sha256", is_there ? sums.stderr_hex : NULL);
}

void execution_add_end(cJSON *o, const struct execution_facts *f, bool has_sums)
{
    char name[EXECUTION_SIGNAL_NAME_MAX];
    const struct execution_exit *x = &f->exit;
    if (execution_has_exit_code(f))
        cJSON_AddNumberToObject(o, "exit_code", x->exit_code);
    else
        cJSON_AddNullToObject(o, "exit_code");
    json_add_str_or_null(o, "signal",
                         f->has_exit ? execution_signal_name(x->term_signal, name) : NULL);
    json_add_str_or_null(o, "reason", f->has_exit ? execution_reason_name(x->reason) : NULL);
    CLEANUP(free_p) char *oom = f->has_exit ? oom_message(x) : NULL;
    const char *message = oom ? oom : default_message(x);
    json_add_str_or_null(o, "error_message", x->error[0] ? x->error : message);
    if (!f->has_exit)
        return;
    add_usage(o, x);
    if (has_sums)
        add_sums(o, f);
    cJSON_AddNumberToObject(o, "processes_killed", (double)x->processes_killed);
}

static void add_time(cJSON *o, const char *name, uint64_t us)
{
    char text[CLOCK_TEXT_MAX];
    json_add_str_or_null(o, name, us != 0 && clock_format(us, text) ? text : NULL);
}

static void add_replica(cJSON *o, const char *id)
{
    char replica[EXECUTION_ID_MAX + 1];
    (void)snprintf(replica, sizeof(replica), "%.*s", (int)(strrchr(id, '-') - id), id);
    cJSON_AddStringToObject(o, "replica", replica);
}

cJSON *execution_status_json(const struct execution_facts *f, bool has_sums)
{
    const struct execution_view *v = &f->view;
    CLEANUP(free_p) char *dir = journal_dir(f->state_dir, v->id);
    CLEANUP(exec_spec_freep) struct exec_spec *spec = NULL;
    if (f->record || exec_spec_read(dir, &spec) < 0)
        spec = NULL; /* or retention is at work: what the reactor knows is left */
    const char *command = f->record ? f->record->command : spec ? spec->command : NULL;
    const char *session = f->record ? f->record->session_id : spec ? spec->session_id : NULL;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "id", v->id);
    cJSON_AddStringToObject(o, "status", execution_status_name(v->status));
    json_add_str_or_null(o, "command", command);
    cJSON_AddBoolToObject(o, "interactive", v->interactive);
    waiting_add(o, f);
    add_time(o, "started_at", v->started_us);
    add_time(o, "completed_at", f->has_exit ? f->exit.ended_us : 0);
    execution_add_end(o, f, has_sums);
    add_replica(o, v->id);
    json_add_str_or_null(o, "session_id", session);
    cJSON_AddNumberToObject(o, "bytes_out", (double)v->output_bytes);
    add_time(o, "last_output_at", v->last_output_us);
    if (v->status == EXECUTION_PENDING && v->queue_position)
        cJSON_AddNumberToObject(o, "queue_position", v->queue_position);
    return o;
}

char *execution_summary(const struct execution_facts *f)
{
    char name[EXECUTION_SIGNAL_NAME_MAX];
    struct buf b = {0};
    const struct execution_exit *x = &f->exit;
    buf_append_str(&b, execution_status_name(f->view.status));
    if (f->view.status == EXECUTION_PENDING && f->view.queue_position)
        buf_printf(&b, ", number %u in line", f->view.queue_position);
    if (execution_waits_for_input(&f->view))
        buf_append_str(&b, f->view.waiting == WAITING_SECRET ? ", waits for input that is not shown"
                                                             : ", waits for input");
    if (!f->has_exit)
        return buf_steal(&b);
    const char *reason = execution_reason_name(x->reason);
    if (x->reason != REASON_EXITED && strcmp(reason, execution_status_name(f->view.status)) != 0)
        buf_printf(&b, ", %s", reason);
    if (execution_has_exit_code(f))
        buf_printf(&b, ", exit code %d", x->exit_code);
    if (x->term_signal)
        buf_printf(&b, " (%s)", execution_signal_name(x->term_signal, name));
    if (x->error[0])
        buf_printf(&b, ", %s", x->error);
    if (x->started_us)
        buf_printf(&b, ", %" PRIu64 ".%03" PRIu64 " s", x->wall_ms / 1000, x->wall_ms % 1000);
    return buf_steal(&b);
}
