#include "state/spec.h"

#include <errno.h>
#include <string.h>

#include "state/base/fd.h"
#include "state/base/id.h"
#include "state/base/json.h"
#include "state/base/utf8.h"

/* What execve(2) takes is at most a few MiB; in JSON each byte may need six. */
#define SPEC_FILE_MAX (32u << 20)

static const struct json_u64_field limits_fields[] = {
    JSON_U64_FIELD(struct execution_limits, timeout_ms),
    JSON_U64_FIELD(struct execution_limits, idle_timeout_ms),
    JSON_U64_FIELD(struct execution_limits, kill_grace_ms),
    JSON_U64_FIELD(struct execution_limits, max_output_bytes),
    JSON_U64_FIELD(struct execution_limits, keep_output_bytes),
    JSON_U64_FIELD(struct execution_limits, max_stdin_bytes),
    JSON_U64_FIELD(struct execution_limits, max_memory_bytes),
    JSON_U64_FIELD(struct execution_limits, max_cpu_ms),
    JSON_U64_FIELD(struct execution_limits, max_file_bytes),
    JSON_U64_FIELD(struct execution_limits, max_processes),
    JSON_U64_FIELD(struct execution_limits, max_open_files),
};
static_assert(ARRAY_LEN(limits_fields) * sizeof(uint64_t) == sizeof(struct execution_limits),
              "every limit is written");

static const struct {
    const char *name;
    size_t offset; /* of a char * in struct exec_spec */
    bool is_optional;
} strings[] = {
    {"principal", offsetof(struct exec_spec, principal), false},
    {"session_id", offsetof(struct exec_spec, session_id), true},
    {"command", offsetof(struct exec_spec, command), false},
    {"cwd", offsetof(struct exec_spec, cwd), false},
    {"idempotency_key", offsetof(struct exec_spec, idempotency_key), true},
    {"request_hash", offsetof(struct exec_spec, request_hash), true},
    {"output", offsetof(struct exec_spec, output), true},
};

static char **string_at(struct exec_spec *s, size_t i)
{
    return (char **)(void *)((char *)s + strings[i].offset);
}

static const char *string_of(const struct exec_spec *s, size_t i)
{
    return *(char *const *)(const void *)((const char *)s + strings[i].offset);
}

struct exec_spec *exec_spec_free(struct exec_spec *s)
{
    if (!s)
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(strings); i++)
        free(*string_at(s, i));
    strv_free(s->argv);
    strv_free(s->env);
    spec_sandbox_free(s->sandbox);
    free(s);
    return NULL;
}

void exec_spec_freep(struct exec_spec **s)
{
    *s = exec_spec_free(*s);
}

static bool is_utf8(const char *s)
{
    return utf8_is_valid(s, strlen(s));
}

int exec_spec_write(const struct exec_spec *s, const char *dir)
{
    CLEANUP(buf_deinit) struct buf b = {0};

    /* JSON could not give these back as they were. */
    if (!strv_is_utf8(s->argv) || !strv_is_utf8(s->env))
        return -EILSEQ;
    buf_append_char(&b, '{');
    json_text_member_str(&b, "id", s->id);
    for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
        const char *v = string_of(s, i);
        if (v && !is_utf8(v))
            return -EILSEQ;
        json_text_member_str(&b, strings[i].name, v);
    }
    strv_append_json(&b, "argv", s->argv);
    strv_append_json(&b, "env", s->env);
    json_text_member_bool(&b, "interactive", s->interactive);
    json_text_member_bool(&b, "pty", s->pty);
    json_text_member_bool(&b, "sync", s->sync);
    json_text_member_u64(&b, "created_us", s->created_us);
    if (s->sandbox && !spec_sandbox_append(&b, s->sandbox))
        return -EILSEQ;
    json_text_key(&b, "limits");
    buf_append_char(&b, '{');
    json_text_members_u64(&b, limits_fields, ARRAY_LEN(limits_fields), &s->limits);
    buf_append_str(&b, "}}\n");
    return file_replace(dir, "spec.json", b.data, b.len);
}

static bool decode_strings(const cJSON *o, struct exec_spec *s)
{
    for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
        const char *v;
        if (json_get_str(o, strings[i].name, &v))
            *string_at(s, i) = xstrdup(v);
        else if (!strings[i].is_optional || json_get(o, strings[i].name))
            return false;
    }
    return true;
}

static bool decode_spec(const cJSON *o, struct exec_spec *s)
{
    const char *id;

    if (!json_get_str(o, "id", &id) || !id_is_valid(id) || !decode_strings(o, s) ||
        !json_get_bool(o, "interactive", &s->interactive) || !json_get_bool(o, "pty", &s->pty) ||
        !json_get_bool(o, "sync", &s->sync) || !json_get_u64(o, "created_us", &s->created_us) ||
        !json_get_u64_fields(json_get(o, "limits"), limits_fields, ARRAY_LEN(limits_fields),
                             &s->limits))
        return false;
    memcpy(s->id, id, strlen(id) + 1);
    s->argv = strv_decode_json(json_get(o, "argv"));
    s->env = strv_decode_json(json_get(o, "env"));
    const cJSON *sandbox = json_get(o, "sandbox");
    if (sandbox)
        s->sandbox = spec_sandbox_decode(sandbox);
    return s->argv && s->argv[0] && s->env && !sandbox == !s->sandbox;
}

int exec_spec_read(const char *dir, struct exec_spec **ret)
{
    CLEANUP(buf_deinit) struct buf path = {0};
    CLEANUP(free_p) char *text = NULL;
    CLEANUP(json_deletep) cJSON *o = NULL;
    size_t len, error_at;

    buf_printf(&path, "%s/spec.json", dir);
    int r = file_read(path.data, SPEC_FILE_MAX, &text, &len);
    if (r < 0)
        return r == -EFBIG ? -EBADMSG : r;
    if (json_parse(text, len, &o, &error_at) != JSON_OK)
        return -EBADMSG;
    CLEANUP(exec_spec_freep) struct exec_spec *s = xcalloc(1, sizeof(*s));
    if (!decode_spec(o, s))
        return -EBADMSG;
    *ret = TAKE_PTR(s);
    return 0;
}
