#include "state/session_record.h"

#include <stdatomic.h>

#include "state/base/clock.h"
#include "state/base/json.h"
#include "state/base/json_text.h"

void session_record_write(const struct session *s, struct buf *to)
{
    uint64_t seen_us = clock_real_us() - (clock_mono_ms() - atomic_load(&s->last_seen_ms)) * 1000;
    buf_append_char(to, '{');
    json_text_member_str(to, "id", s->id);
    json_text_member_str(to, "revision", s->revision);
    json_text_member_str(to, "principal", s->principal);
    json_text_member_str(to, "client", s->client);
    json_text_member_str(to, "capabilities", s->capabilities);
    json_text_member_u64(to, "created_us", s->created_us);
    json_text_member_u64(to, "last_seen_us", seen_us);
    json_text_member_u64(to, "log_level", (uint64_t)atomic_load(&s->log_level));
    buf_append_char(to, '}');
}

void session_record_write_ended(const char *id, struct buf *to)
{
    buf_append_str(to, SESSION_ENDED_HEAD);
    json_text_member_str(to, "id", id);
    buf_append_char(to, '}');
}

static bool get_optional(const cJSON *o, const char *key, const char **ret)
{
    return !json_get(o, key) || json_get_str(o, key, ret);
}

static bool read_facts(const cJSON *o, struct session_facts *f)
{
    uint64_t level = SESSION_LEVEL_UNSET;
    if (!json_get_str(o, "principal", &f->principal) ||
        !json_get_str(o, "revision", &f->revision) || !get_optional(o, "client", &f->client) ||
        !get_optional(o, "capabilities", &f->capabilities) ||
        !json_get_u64(o, "created_us", &f->created_us) || !json_get_u64(o, "log_level", &level) ||
        level > SESSION_LEVEL_UNSET)
        return false;
    f->log_level = (int)level;
    return true;
}

static bool is_json_object(const char *text)
{
    CLEANUP(json_deletep) cJSON *o = NULL;
    size_t error_at;
    return json_parse(text, strlen(text), &o, &error_at) == JSON_OK && cJSON_IsObject(o);
}

bool session_record_read(const char *text, size_t len, const char *id, struct session_record *ret)
{
    struct session_record r = {0};
    const char *found;
    size_t error_at;
    if (json_parse(text, len, &r.tree, &error_at) != JSON_OK)
        return false;
    (void)json_get_bool(r.tree, "ended", &r.has_ended);
    bool ok = cJSON_IsObject(r.tree) && json_get_str(r.tree, "id", &found) && id_is_valid(found) &&
              strcmp(found, id) == 0 && (r.has_ended || read_facts(r.tree, &r.facts)) &&
              (!r.facts.capabilities || is_json_object(r.facts.capabilities));
    if (!ok) {
        session_record_deinit(&r);
        return false;
    }
    r.facts.id = found;
    *ret = r;
    return true;
}

void session_record_deinit(struct session_record *r)
{
    json_deletep(&r->tree);
    memset(r, 0, sizeof(*r));
}

char *session_record_key(const char *id)
{
    struct buf b = {0};
    buf_printf(&b, "session:%s", id);
    return buf_steal(&b);
}
