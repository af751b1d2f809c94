/* Events as JSON (contract, 1.2) and back. */
#include <inttypes.h>
#include <math.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "state/base/json.h"
#include "state/base/json_text.h"
#include "state/base/utf8.h"
#include "state/journal_note.h"
#include "state/record.h"

static const char *const type_names[] = {
    [JOURNAL_READY] = "ready",
    [JOURNAL_STDOUT] = "stdout",
    [JOURNAL_STDERR] = "stderr",
    [JOURNAL_EXIT] = "exit",
    [JOURNAL_TIMEOUT] = "timeout",
    [JOURNAL_CANCELLED] = "cancelled",
    [JOURNAL_ERROR] = "error",
    [JOURNAL_LIMIT] = "resource_limit",
    [JOURNAL_LIMIT_MET] = "resource_limit",
    [JOURNAL_VIOLATION] = "violation",
};
static_assert(ARRAY_LEN(type_names) == JOURNAL_TYPE_MAX + 1, "every type has a name");

/* ---- to JSON ---- */

static void append_base64(struct buf *b, const char *data, size_t len)
{
    size_t room = 4 * ((len + 2) / 3) + 1;
    json_text_key(b, "data");
    buf_append_char(b, '"');
    buf_reserve(b, room);
    int n =
        EVP_EncodeBlock((unsigned char *)b->data + b->len, (const unsigned char *)data, (int)len);
    b->len += (size_t)n;
    buf_append_char(b, '"');
    json_text_member_str(b, "encoding", "base64");
}

/* A NUL is text to UTF-8, but not to readers of JSON that keep strings as C does. */
static void append_data(struct buf *b, const struct record_event *e)
{
    size_t len = e->record.length;
    if (len > 0 && (memchr(e->data, '\0', len) || !utf8_is_valid(e->data, len)))
        return append_base64(b, e->data, len);
    json_text_key(b, "data");
    json_text_utf8(b, len > 0 ? e->data : "", len);
}

static void append_exit(struct buf *b, const struct execution_exit *x)
{
    if (x && execution_exit_has_code(x)) {
        json_text_member_i64(b, "code", x->exit_code);
    } else {
        json_text_key(b, "code");
        buf_append_str(b, "null");
    }
    if (x)
        json_text_member_u64(b, "duration_ms", x->wall_ms);
}

static bool has_note(const struct journal_record *r)
{
    return r->type == JOURNAL_LIMIT_MET || r->type == JOURNAL_VIOLATION;
}

static void append_note(struct buf *b, const struct record_event *e)
{
    CLEANUP(json_deletep) cJSON *o = NULL;
    size_t error_at;

    if (!e->data || json_parse(e->data, e->record.note_bytes, &o, &error_at) != JSON_OK)
        return;
    struct journal_note n = journal_note_get(o);
    journal_note_append(&n, b);
}

static void append_details(struct buf *b, const struct record_event *e,
                           const struct execution_exit *x)
{
    uint64_t value = e->record.value;
    switch ((enum journal_type)e->record.type) {
    case JOURNAL_READY:
    case JOURNAL_CANCELLED:
        return;
    case JOURNAL_STDOUT:
    case JOURNAL_STDERR:
        return append_data(b, e);
    case JOURNAL_EXIT:
        return append_exit(b, x);
    case JOURNAL_TIMEOUT:
        json_text_key(b, "timeout_seconds");
        buf_printf(b, "%" PRIu64 ".%03" PRIu64, value / 1000, value % 1000);
        return;
    case JOURNAL_ERROR:
        json_text_member_str(b, "message", x && x->error[0] ? x->error : strerror((int)value));
        return;
    case JOURNAL_LIMIT:
        if (value <= REASON_MAX)
            json_text_member_str(b, "reason", execution_reason_name((enum execution_reason)value));
        return;
    case JOURNAL_LIMIT_MET:
    case JOURNAL_VIOLATION:
        return append_note(b, e);
    }
}

/* Seconds, with all digits of the microseconds. */
static void append_ts(struct buf *b, uint64_t us)
{
    uint64_t fraction = us % 1000000;
    char digits[7] = ".000000";
    for (size_t i = sizeof(digits) - 1; fraction > 0; fraction /= 10)
        digits[i--] = (char)('0' + fraction % 10);
    json_text_key(b, "ts");
    buf_append_u64(b, us / 1000000);
    buf_append(b, digits, sizeof(digits));
}

void record_event_write(const struct record_event *e, const struct execution_exit *exit,
                        struct buf *to)
{
    assert(e->record.type >= JOURNAL_READY && e->record.type <= JOURNAL_TYPE_MAX);
    buf_append_str(to, "{\"event_id\":\"");
    buf_append_u64(to, e->number);
    buf_append_char(to, '"');
    json_text_member_str(to, "type", type_names[e->record.type]);
    append_details(to, e, exit);
    append_ts(to, e->record.time_us);
    if (e->record.flags & JOURNAL_PARTIAL)
        buf_append_str(to, ",\"partial\":true");
    if (e->record.value && !has_note(&e->record)) /* there, a place in a file */
        buf_printf(to, ",\"value\":%" PRId64, (int64_t)e->record.value);
    buf_append_char(to, '}');
}

/* ---- from JSON ---- */

static bool get_number(const cJSON *o, uint64_t *ret)
{
    const char *id;
    uint64_t n = 0;
    if (!json_get_str(o, "event_id", &id))
        return false;
    size_t len = strspn(id, "0123456789");
    if (len == 0 || len > 15 || id[len] || (len > 1 && id[0] == '0'))
        return false;
    for (; *id; id++)
        n = n * 10 + (uint64_t)(*id - '0');
    *ret = n;
    return true;
}

static bool get_type(const cJSON *o, uint8_t *ret)
{
    const char *type;
    if (!json_get_str(o, "type", &type))
        return false;
    for (uint8_t i = JOURNAL_READY; i <= JOURNAL_TYPE_MAX; i++) {
        if (strcmp(type, type_names[i]) == 0) {
            *ret = i;
            return true;
        }
    }
    return false;
}

/* One that ended it has a value, one that was only met has words. */
static void get_limit(const cJSON *o, uint8_t *type)
{
    if (*type == JOURNAL_LIMIT && !json_get(o, "value") && json_get(o, "message"))
        *type = JOURNAL_LIMIT_MET;
}

static bool get_note(const cJSON *o, struct record_event *e, struct buf *data)
{
    struct journal_note n = journal_note_get(o);

    if (!journal_note_write(&n, data))
        return false;
    e->record.note_bytes = (uint16_t)data->len;
    e->record.value = 0;
    return true;
}

/* A double has room for microseconds until the year 2255 (2^53). */
static bool get_time(const cJSON *o, uint64_t *ret)
{
    double ts;
    if (!json_get_number(o, "ts", &ts) || !(ts >= 0) || ts > 9e9)
        return false;
    *ret = (uint64_t)llround(ts * 1e6);
    return true;
}

/* EVP_DecodeBlock() skips blanks and tells nothing of padding: the form is checked first. */
static bool decode_base64(const char *text, struct buf *data)
{
    size_t len = strlen(text);
    size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    size_t padding = len - n;
    if (len == 0 || len % 4 != 0 || padding > 2 || strspn(text + n, "=") != padding ||
        len > 4 * ((JOURNAL_RECORD_MAX + 2) / 3))
        return false;
    buf_reserve(data, len);
    int got = EVP_DecodeBlock((unsigned char *)data->data, (const unsigned char *)text, (int)len);
    if (got < (int)padding)
        return false;
    data->len = (size_t)got - padding;
    data->data[data->len] = '\0';
    return true;
}

static bool get_data(const cJSON *o, struct buf *data)
{
    const char *text, *encoding;
    if (!json_get_str(o, "data", &text))
        return false;
    if (!json_get(o, "encoding")) {
        buf_append_str(data, text);
        return data->len <= JOURNAL_RECORD_MAX;
    }
    return json_get_str(o, "encoding", &encoding) && strcmp(encoding, "base64") == 0 &&
           decode_base64(text, data) && data->len <= JOURNAL_RECORD_MAX;
}

static bool get_flags(const cJSON *o, struct journal_record *r)
{
    bool is_partial = false;
    int64_t value = 0;
    if ((json_get(o, "partial") && !json_get_bool(o, "partial", &is_partial)) ||
        (json_get(o, "value") && !json_get_i64(o, "value", &value)))
        return false;
    r->flags = is_partial ? JOURNAL_PARTIAL : 0;
    r->value = (uint64_t)value;
    return true;
}

bool record_event_read(const char *text, size_t len, struct buf *data, struct record_event *ret)
{
    CLEANUP(json_deletep) cJSON *o = NULL;
    struct record_event e = {0};
    size_t error_at;
    data->len = 0;
    if (json_parse(text, len, &o, &error_at) != JSON_OK || !cJSON_IsObject(o) ||
        !get_number(o, &e.number) || !get_type(o, &e.record.type) ||
        !get_time(o, &e.record.time_us) || !get_flags(o, &e.record))
        return false;
    get_limit(o, &e.record.type);
    if (has_note(&e.record) && !get_note(o, &e, data))
        return false;
    bool has_bytes = e.record.type == JOURNAL_STDOUT || e.record.type == JOURNAL_STDERR;
    if (has_bytes && !get_data(o, data))
        return false;
    e.record.length = has_bytes ? (uint32_t)data->len : 0;
    e.data = data->len > 0 ? data->data : "";
    *ret = e;
    return true;
}
