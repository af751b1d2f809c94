#include "server/mcp/output_json.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "state/base/json.h"
#include "state/base/utf8.h"
#include "state/journal_note.h"

static const char *const event_types[] = {"ready",     "stdout",    "stderr", "exit",
                                          "timeout",   "cancelled", "error",  "resource_limit",
                                          "violation", NULL};

static const char *event_type(uint8_t type)
{
    if (type == JOURNAL_VIOLATION)
        return "violation";
    return event_types[(type == JOURNAL_LIMIT_MET ? JOURNAL_LIMIT : type) - JOURNAL_READY];
}

static const char *const encodings[] = {"base64", NULL};
static const struct arg event_rows[] = {
    {.name = "event_id", .type = ARG_STRING, .flags = ARG_REQUIRED},
    {.name = "type", .type = ARG_STRING, .flags = ARG_REQUIRED, .values = event_types},
    {.name = "ts", .type = ARG_NUMBER, .flags = ARG_REQUIRED},
    {.name = "data", .type = ARG_STRING},
    {.name = "encoding", .type = ARG_STRING, .values = encodings},
    {.name = "code", .type = ARG_INTEGER, .flags = ARG_NULLABLE},
    {.name = "duration_ms", .type = ARG_INTEGER},
    {.name = "timeout_seconds", .type = ARG_NUMBER},
    {.name = "message", .type = ARG_STRING},
    {.name = "reason", .type = ARG_STRING},
    {.name = "target", .type = ARG_STRING},
    {.name = "configuration_key", .type = ARG_STRING},
    {.name = "limit_bytes", .type = ARG_INTEGER},
    {.name = "peak_bytes", .type = ARG_INTEGER},
};
const struct arg_set output_event = {
    .args = event_rows, .n = ARRAY_LEN(event_rows), .is_open = true};

static const struct arg left_out_rows[] = {
    {.name = "bytes", .type = ARG_INTEGER, .flags = ARG_REQUIRED},
    {.name = "last_event_id",
     .type = ARG_STRING,
     .flags = ARG_REQUIRED,
     .description = "For get_execution_output, to read them."},
    {.name = "uri", .type = ARG_STRING, .flags = ARG_REQUIRED},
};
const struct arg_set output_left_out = {
    .args = left_out_rows, .n = ARRAY_LEN(left_out_rows), .is_open = true};

/* ---- events ---- */

static bool is_text(const char *data, size_t len)
{
    return len == 0 || (utf8_is_valid(data, len) && !memchr(data, '\0', len));
}

bool json_add_bytes(cJSON *o, const char *text_name, const char *base64_name,
                    const struct buf *data)
{
    if (is_text(data->data, data->len)) {
        cJSON_AddStringToObject(o, text_name, data->len > 0 ? data->data : "");
        return true;
    }
    CLEANUP(free_p) char *base64 = malloc(4 * ((data->len + 2) / 3) + 1);
    if (!base64)
        abort();
    (void)EVP_EncodeBlock((unsigned char *)base64, (const unsigned char *)data->data,
                          (int)data->len);
    cJSON_AddStringToObject(o, base64_name, base64);
    return false;
}

static void add_limit(cJSON *e, enum execution_reason reason, const struct execution_facts *f)
{
    if (reason <= REASON_MAX)
        cJSON_AddStringToObject(e, "reason", execution_reason_name(reason));
    if (reason != REASON_OOM || !f->has_exit || !f->exit.max_memory_bytes)
        return;
    cJSON_AddNumberToObject(e, "limit_bytes", (double)f->exit.max_memory_bytes);
    cJSON_AddNumberToObject(e, "peak_bytes", (double)f->exit.memory_peak_bytes);
}

static void add_string(cJSON *e, const char *name, const char *s)
{
    if (s)
        cJSON_AddStringToObject(e, name, s);
}

/* What a note may say; everything else in it is passed over. */
static void add_note(cJSON *e, const struct journal_record *rec, const struct execution_facts *f)
{
    CLEANUP(free_p) char *dir = journal_dir(f->state_dir, f->view.id);
    CLEANUP(buf_deinit) struct buf text = {0};
    CLEANUP(json_deletep) cJSON *note = NULL;
    size_t at;

    if (!journal_read_note(dir, rec, &text) ||
        json_parse(text.data, text.len, &note, &at) != JSON_OK)
        return;
    struct journal_note n = journal_note_get(note);
    add_string(e, "reason", n.reason);
    add_string(e, "message", n.message);
    add_string(e, "target", n.target);
    add_string(e, "configuration_key", n.configuration_key);
}

/* The details of what is no output; how it ended is in the file exit. */
static void add_details(cJSON *e, const struct excerpt_piece *p, const struct execution_facts *f)
{
    switch ((enum journal_type)p->record.type) {
    case JOURNAL_READY:
    case JOURNAL_CANCELLED:
        return;
    case JOURNAL_STDOUT:
    case JOURNAL_STDERR:
        if (!json_add_bytes(e, "data", "data", &p->data))
            cJSON_AddStringToObject(e, "encoding", "base64");
        return;
    case JOURNAL_EXIT:
        if (execution_has_exit_code(f))
            cJSON_AddNumberToObject(e, "code", f->exit.exit_code);
        else
            cJSON_AddNullToObject(e, "code");
        cJSON_AddNumberToObject(e, "duration_ms", (double)f->exit.wall_ms);
        return;
    case JOURNAL_TIMEOUT:
        cJSON_AddNumberToObject(e, "timeout_seconds", (double)p->record.value / 1000);
        return;
    case JOURNAL_ERROR:
        cJSON_AddStringToObject(e, "message",
                                f->exit.error[0] ? f->exit.error : strerror((int)p->record.value));
        return;
    case JOURNAL_LIMIT:
        add_limit(e, (enum execution_reason)p->record.value, f);
        return;
    case JOURNAL_LIMIT_MET:
    case JOURNAL_VIOLATION:
        add_note(e, &p->record, f);
        return;
    }
}

/* Seconds with all six decimals: a double printed by cJSON has sixteen or seventeen digits. */
static void add_time(cJSON *e, uint64_t us)
{
    char ts[32];
    (void)snprintf(ts, sizeof(ts), "%llu.%06llu", (unsigned long long)(us / 1000000),
                   (unsigned long long)(us % 1000000));
    cJSON_AddRawToObject(e, "ts", ts);
}

static cJSON *event_json(const struct excerpt_piece *p, const struct execution_facts *f)
{
    char id[EVENT_ID_MAX + 1];
    cJSON *e = cJSON_CreateObject();
    (void)event_id_format(p->end, id);
    cJSON_AddStringToObject(e, "event_id", id);
    cJSON_AddStringToObject(e, "type", event_type(p->record.type));
    add_details(e, p, f);
    add_time(e, p->record.time_us);
    return e;
}

/* ---- text ---- */

void output_append_text(struct buf *b, const char *data, size_t len)
{
    if (is_text(data, len))
        return buf_append(b, data, len);
    for (size_t i = 0, n; i < len; i += n) {
        for (n = 1; n < 4 && i + n < len && !utf8_is_valid(data + i, n); n++)
            ;
        if (data[i] != '\0' && utf8_is_valid(data + i, n)) {
            buf_append(b, data + i, n);
        } else {
            buf_append_str(b, "\xef\xbf\xbd"); /* U+FFFD, one for each byte */
            n = 1;
        }
    }
}

void output_add_text(cJSON *o, const char *name, const struct buf *data)
{
    CLEANUP(buf_deinit) struct buf b = {0};
    output_append_text(&b, data->data, data->len);
    cJSON_AddStringToObject(o, name, b.len > 0 ? b.data : "");
}

static void end_line(struct buf *b)
{
    if (b->len > 0 && b->data[b->len - 1] != '\n')
        buf_append_char(b, '\n');
}

static bool is_of(const struct excerpt_piece *p, enum journal_type stream)
{
    return p->data.len > 0 && (!stream || p->record.type == stream);
}

static bool has_stream(const struct output *out, enum journal_type stream)
{
    for (size_t i = 0; i < out->excerpt->n_pieces; i++)
        if (is_of(&out->excerpt->pieces[i], stream))
            return true;
    return false;
}

/* After which event what was left out begins; event 0 is "ready", before all output. */
static void left_out_id(const struct output *out, char ret[EVENT_ID_MAX + 1])
{
    if (!event_id_format(out->left_from, ret))
        memcpy(ret, "0", 2);
}

static void append_gap(struct buf *b, const struct output *out)
{
    char id[EVENT_ID_MAX + 1];
    left_out_id(out, id);
    end_line(b);
    buf_printf(b,
               "[... %" PRIu64
               " bytes left out: get_execution_output with last_event_id \"%s\" has "
               "them ...]\n",
               out->left_out_bytes, id);
}

/* One stream (0: both, as they came), with a line where something is missing. */
static void append_stream(struct buf *b, const struct output *out, enum journal_type stream)
{
    const struct excerpt *x = out->excerpt;
    if (stream && !has_stream(out, stream))
        return;
    if (out->bytes_dropped > 0)
        buf_printf(b, "[... %" PRIu64 " bytes are no longer kept ...]\n", out->bytes_dropped);
    for (size_t i = 0; i <= x->n_pieces; i++) {
        if (out->left_out_bytes > 0 && i == x->gap_at)
            append_gap(b, out);
        if (i < x->n_pieces && is_of(&x->pieces[i], stream))
            output_append_text(b, x->pieces[i].data.data, x->pieces[i].data.len);
    }
}

static void add_stream(cJSON *o, const char *name, const struct output *out,
                       enum journal_type stream)
{
    CLEANUP(buf_deinit) struct buf b = {0};
    append_stream(&b, out, stream);
    cJSON_AddStringToObject(o, name, b.len > 0 ? b.data : "");
}

/* ---- the answer ---- */

static char *output_uri(const struct execution_facts *f, const struct output *out)
{
    char *uri = NULL;
    if (asprintf(&uri, "exec://%s/output?offset=%" PRIu64, f->view.id, out->left_offset) < 0)
        abort();
    return uri;
}

static void add_left_out(cJSON *o, const struct execution_facts *f, const struct output *out)
{
    char id[EVENT_ID_MAX + 1];
    if (out->left_out_bytes == 0)
        return;
    CLEANUP(free_p) char *uri = output_uri(f, out);
    cJSON *l = cJSON_AddObjectToObject(o, "left_out");
    left_out_id(out, id);
    cJSON_AddNumberToObject(l, "bytes", (double)out->left_out_bytes);
    cJSON_AddStringToObject(l, "last_event_id", id);
    cJSON_AddStringToObject(l, "uri", uri);
}

void output_add(cJSON *o, const struct execution_facts *f, const struct output *out,
                enum shape_format format)
{
    char id[EVENT_ID_MAX + 1];
    if (format == SHAPE_EVENTS) {
        cJSON *events = cJSON_AddArrayToObject(o, "output");
        for (size_t i = 0; i < out->excerpt->n_pieces; i++)
            cJSON_AddItemToArray(events, event_json(&out->excerpt->pieces[i], f));
    } else {
        add_stream(o, "stdout", out, JOURNAL_STDOUT);
        add_stream(o, "stderr", out, JOURNAL_STDERR);
        if (has_stream(out, JOURNAL_STDOUT) && has_stream(out, JOURNAL_STDERR))
            add_stream(o, "text", out, 0);
    }
    json_add_str_or_null(o, "next_event_id", event_id_format(out->next, id) ? id : NULL);
    cJSON_AddBoolToObject(o, "has_more", out->has_more);
    cJSON_AddNumberToObject(o, "bytes_left", (double)out->bytes_left);
    cJSON_AddNumberToObject(o, "bytes_dropped", (double)out->bytes_dropped);
    cJSON_AddNumberToObject(o, "bytes_total", (double)out->total_bytes);
    add_left_out(o, f, out);
}

static void append_rest(struct buf *b, const struct execution_facts *f, const struct output *out)
{
    char id[EVENT_ID_MAX + 1];
    if (!event_id_format(out->next, id))
        return;
    if (out->bytes_left > 0)
        buf_printf(b, "; %" PRIu64 " more bytes%s: get_execution_output with last_event_id \"%s\"",
                   out->bytes_left, out->is_scan_over ? ", not looked at yet" : "", id);
    else if (!execution_facts_is_final(f))
        buf_printf(b, "; last_event_id \"%s\"", id);
}

char *output_text(const struct execution_facts *f, const struct output *out, const char *note)
{
    struct buf b = {0};
    CLEANUP(free_p) char *summary = execution_summary(f);
    append_stream(&b, out, 0);
    end_line(&b);
    buf_printf(&b, "[%s: %s", f->view.id, summary);
    append_rest(&b, f, out);
    if (note)
        buf_printf(&b, "; %s", note);
    buf_append_char(&b, ']');
    return buf_steal(&b);
}

cJSON *output_links(const struct execution_facts *f, const struct output *out)
{
    if (out->left_out_bytes == 0 && out->bytes_left == 0)
        return NULL;
    char uri[EXECUTION_ID_MAX + 32], name[EXECUTION_ID_MAX + 16];
    cJSON *links = cJSON_CreateArray(), *link = cJSON_CreateObject();
    (void)snprintf(uri, sizeof(uri), "exec://%s/output", f->view.id);
    (void)snprintf(name, sizeof(name), "%s output", f->view.id);
    cJSON_AddStringToObject(link, "type", "resource_link");
    cJSON_AddStringToObject(link, "uri", uri);
    cJSON_AddStringToObject(link, "name", name);
    cJSON_AddStringToObject(
        link, "description",
        "All output; ?offset= and ?length= in bytes, ?stream=stdout or stderr.");
    cJSON_AddStringToObject(link, "mimeType", "text/plain");
    cJSON_AddNumberToObject(link, "size", (double)out->total_bytes);
    cJSON_AddItemToArray(links, link);
    return links;
}
