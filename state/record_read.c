/* Records from Redis, as values. Whoever reaches Redis may have written them. */
#include <stdio.h>
#include <time.h>

#include "state/base/id.h"
#include "state/base/json.h"
#include "state/base/utf8.h"
#include "state/journal_exit.h"
#include "state/record.h"

static_assert(RECORD_REPLICA_MAX == ID_REPLICA_MAX, "a replica's name is the head of its ids");

static bool get_optional(const cJSON *o, const char *key, char **ret)
{
    const char *v;
    const cJSON *member = json_get(o, key);
    if (!member || cJSON_IsNull(member))
        return true;
    if (!json_get_str(o, key, &v))
        return false;
    *ret = xstrdup(v);
    return true;
}

/* `n` digits at *p, which moves on. */
static bool take_digits(const char **p, unsigned n, int *ret)
{
    int value = 0;
    for (unsigned i = 0; i < n; i++, (*p)++) {
        if (**p < '0' || **p > '9')
            return false;
        value = value * 10 + (**p - '0');
    }
    *ret = value;
    return true;
}

static bool take_char(const char **p, char c)
{
    return *(*p)++ == c;
}

/* Exactly the form that record_write() writes: 2026-01-02T03:04:05.678901Z. */
static bool parse_time(const char *text, uint64_t *ret_us)
{
    struct tm tm = {0}, back;
    int us;
    const char *p = text;
    if (strlen(text) != 27 || !take_digits(&p, 4, &tm.tm_year) || !take_char(&p, '-') ||
        !take_digits(&p, 2, &tm.tm_mon) || !take_char(&p, '-') ||
        !take_digits(&p, 2, &tm.tm_mday) || !take_char(&p, 'T') ||
        !take_digits(&p, 2, &tm.tm_hour) || !take_char(&p, ':') ||
        !take_digits(&p, 2, &tm.tm_min) || !take_char(&p, ':') || !take_digits(&p, 2, &tm.tm_sec) ||
        !take_char(&p, '.') || !take_digits(&p, 6, &us) || !take_char(&p, 'Z'))
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    const struct tm asked = tm;
    time_t seconds = timegm(&tm);
    if (seconds < 0 || !gmtime_r(&seconds, &back) || back.tm_mon != asked.tm_mon ||
        back.tm_mday != asked.tm_mday || back.tm_hour != asked.tm_hour)
        return false; /* the 31st of February */
    *ret_us = (uint64_t)seconds * 1000000 + (uint64_t)us;
    return true;
}

static bool get_time(const cJSON *o, const char *key, uint64_t *ret)
{
    const char *text;
    const cJSON *member = json_get(o, key);
    if (cJSON_IsNull(member))
        return true; /* 0 */
    return json_get_str(o, key, &text) && parse_time(text, ret);
}

/* Of an interactive one. */
static bool get_waiting(const cJSON *o, struct record *r)
{
    const char *waiting;
    if (!r->interactive)
        return true;
    return json_get_str(o, "waiting", &waiting) &&
           execution_waiting_from_name(waiting, &r->waiting) &&
           json_get_u64(o, "inputs", &r->inputs);
}

static bool get_name(const cJSON *o, struct record *r)
{
    const char *id, *status, *replica;
    if (!json_get_str(o, "id", &id) || !id_is_valid(id) || !json_get_str(o, "replica", &replica) ||
        !id_has_replica(id, replica) || !json_get_str(o, "status", &status) ||
        !execution_status_from_name(status, &r->status))
        return false;
    memcpy(r->id, id, strlen(id) + 1);
    memcpy(r->replica, replica, strlen(replica) + 1);
    return true;
}

static bool get_sum(const cJSON *o, const char *key, char ret[65])
{
    const char *hex;
    if (!json_get(o, key))
        return true;
    if (!json_get_str(o, key, &hex) || strlen(hex) != 64 || strspn(hex, "0123456789abcdef") != 64)
        return false;
    memcpy(ret, hex, 65);
    return true;
}

static bool get_end(const cJSON *o, struct record *r)
{
    const cJSON *exit = json_get(o, "exit");
    r->has_exit = exit;
    if (execution_status_is_final(r->status) != r->has_exit)
        return false;
    if (!r->has_exit)
        return true;
    /* The numbers are told twice: here as they are now, and there as they were at the end. */
    return journal_exit_read(exit, &r->exit) && execution_status_of(r->exit.reason) == r->status &&
           get_sum(o, "stdout_sha256", r->stdout_sha256) &&
           get_sum(o, "stderr_sha256", r->stderr_sha256);
}

static bool get_counts(const cJSON *o, struct record *r)
{
    return json_get_u64(o, "events", &r->events) &&
           json_get_u64(o, "bytes_out", &r->output_bytes) &&
           json_get_u64(o, "first_event", &r->first_event) &&
           json_get_u64(o, "first_offset", &r->first_offset) && r->first_event <= r->events &&
           r->first_offset <= r->output_bytes;
}

static bool get_texts(const cJSON *o, struct record *r)
{
    const char *v;
    if (!json_get_str(o, "owner", &v))
        return false;
    r->principal = xstrdup(v);
    if (!json_get_str(o, "command", &v))
        return false;
    r->command = xstrdup(v);
    return get_optional(o, "session_id", &r->session_id) &&
           (!r->session_id || id_is_valid(r->session_id));
}

bool record_read(const char *text, size_t len, struct record *ret)
{
    CLEANUP(json_deletep) cJSON *o = NULL;
    struct record r = {0};
    size_t error_at;
    if (json_parse(text, len, &o, &error_at) != JSON_OK || !cJSON_IsObject(o))
        return false;
    if (get_name(o, &r) && get_counts(o, &r) && get_end(o, &r) && get_texts(o, &r) &&
        json_get_bool(o, "interactive", &r.interactive) && get_waiting(o, &r) &&
        get_optional(o, "output", &r.output) && get_time(o, "changed_at", &r.changed_us) &&
        get_sum(o, "request_hash", r.request_hash) && get_optional(o, "reserved", &r.reserved) &&
        get_time(o, "created_at", &r.created_us) && get_time(o, "started_at", &r.started_us) &&
        get_time(o, "last_output_at", &r.last_output_us)) {
        *ret = r;
        return true;
    }
    record_deinit(&r);
    return false;
}
