#include "exec/keeper_wire.h"

#include <errno.h>
#include <string.h>

#include "exec/keeper/codec.h"
#include "state/base/fd.h"
#include "state/base/id.h"

#define HEADER_SIZE 8u

/* An enumerator of 0 … max. */
static uint32_t walk_enum(struct codec *c, uint32_t v, uint32_t max)
{
    codec_u32(c, &v);
    if (v <= max)
        return v;
    c->is_bad = true;
    return 0;
}

static void require(struct codec *c, bool is_there)
{
    if (!is_there)
        c->is_bad = true;
}

static void walk_id(struct codec *c, char id[EXECUTION_ID_MAX + 1])
{
    codec_chars(c, id, EXECUTION_ID_MAX + 1);
    require(c, id_is_valid(id));
}

static void walk_running(struct codec *c, struct keeper_running *r)
{
    codec_i32(c, &r->pid);
    codec_u64(c, &r->started_us);
    codec_u64(c, &r->events);
    codec_u64(c, &r->output_bytes);
    codec_u64(c, &r->last_output_us);
    r->waiting = walk_enum(c, r->waiting, WAITING_MAX);
    codec_u64(c, &r->inputs);
}

void keeper_limits_walk(struct codec *c, struct execution_limits *l)
{
    codec_u64(c, &l->timeout_ms);
    codec_u64(c, &l->idle_timeout_ms);
    codec_u64(c, &l->kill_grace_ms);
    codec_u64(c, &l->max_output_bytes);
    codec_u64(c, &l->keep_output_bytes);
    codec_u64(c, &l->max_stdin_bytes);
    codec_u64(c, &l->max_memory_bytes);
    codec_u64(c, &l->max_cpu_ms);
    codec_u64(c, &l->max_file_bytes);
    codec_u64(c, &l->max_processes);
    codec_u64(c, &l->max_open_files);
}

static void walk_sandbox(struct codec *c, struct keeper_sandbox *s)
{
    codec_strv(c, &s->wrap);
    codec_strv(c, &s->checks);
    codec_str(c, &s->init);
    codec_str(c, &s->workspace);
    codec_str(c, &s->stage);
    codec_bytes(c, &s->filter, &s->filter_len);
    codec_str(c, &s->passwd);
    codec_str(c, &s->group);
    codec_u64(c, &s->uid);
    codec_bool(c, &s->wants_listener);
    codec_bool(c, &s->can_pool);
    codec_u64(c, &s->pool_max);
    codec_u64(c, &s->pool_idle_ms);
    require(c, s->filter_len <= KEEPER_FILTER_MAX && s->uid <= UINT32_MAX - 1);
    if (s->wrap && s->wrap[0]) {
        require(c, s->wrap[0][0] == '/' && s->filter_len > 0);
        require(c, s->passwd && s->group);
        require(c, s->init && s->init[0] == '/' && s->workspace && s->workspace[0] == '/');
        require(c, !s->uid || (s->stage && s->stage[0] == '/'));
    }
}

static void walk_spawn(struct codec *c, struct keeper_spawn *s)
{
    codec_str(c, &s->dir);
    codec_str(c, &s->cwd);
    codec_strv(c, &s->argv);
    codec_strv(c, &s->env);
    codec_bool(c, &s->is_interactive);
    codec_bool(c, &s->is_pty);
    keeper_limits_walk(c, &s->limits);
    walk_sandbox(c, &s->sandbox);
    require(c, s->dir && s->dir[0] == '/' && s->cwd && s->cwd[0] == '/');
    require(c, s->argv && s->argv[0] && s->env);
}

static void walk_input(struct codec *c, struct keeper_input *i)
{
    codec_u64(c, &i->token);
    codec_bytes(c, &i->data, &i->len);
    codec_bool(c, &i->is_eof);
    codec_str(c, &i->input_id);
    require(c, i->len <= KEEPER_STDIN_CHUNK_MAX);
}

static void walk_kill(struct codec *c, struct keeper_kill *k)
{
    k->mode = walk_enum(c, k->mode, KEEPER_KILL_SIGNAL);
    codec_i32(c, &k->signo);
    k->reason = walk_enum(c, k->reason, REASON_MAX);
    require(c, k->mode != 0 && k->signo >= 0 && k->signo <= 64);
}

static void walk_host(struct codec *c, struct keeper_host *h)
{
    codec_bool(c, &h->memory);
    codec_bool(c, &h->processes);
    codec_bool(c, &h->cpu);
}

static void walk_note(struct codec *c, struct keeper_note *n)
{
    n->type = walk_enum(c, n->type, JOURNAL_TYPE_MAX);
    codec_str(c, &n->text);
    require(c, n->type == JOURNAL_LIMIT_MET || n->type == JOURNAL_VIOLATION);
    require(c, n->text && n->text[0] == '{' && strlen(n->text) <= JOURNAL_NOTE_MAX);
}

static void walk_fields(struct codec *c, struct keeper_message *m)
{
    switch (m->type) {
    case KEEPER_HELLO:
        codec_u32(c, &m->hello.min);
        codec_u32(c, &m->hello.max);
        codec_str(c, &m->hello.program);
        require(c, m->hello.program && m->hello.min <= m->hello.max);
        break;
    case KEEPER_ERROR:
    case KEEPER_UPGRADE:
        codec_str(c, &m->text);
        require(c, m->text);
        break;
    case KEEPER_RUNNING:
    case KEEPER_STARTED:
    case KEEPER_GREW:
        walk_id(c, m->id);
        walk_running(c, &m->running);
        break;
    case KEEPER_SPAWN:
        walk_id(c, m->id);
        walk_spawn(c, &m->spawn);
        break;
    case KEEPER_STDIN:
        walk_id(c, m->id);
        walk_input(c, &m->input);
        break;
    case KEEPER_STDIN_DONE:
        codec_u64(c, &m->input_done.token);
        m->input_done.result = walk_enum(c, m->input_done.result, KEEPER_STDIN_GONE);
        break;
    case KEEPER_KILL:
        walk_id(c, m->id);
        walk_kill(c, &m->kill);
        break;
    case KEEPER_LISTENER:
        walk_id(c, m->id);
        if (codec_is_reading(c))
            m->listener_fd = -1;
        break;
    case KEEPER_ENDED:
        walk_id(c, m->id);
        break;
    case KEEPER_LIST_END:
        walk_host(c, &m->host);
        break;
    case KEEPER_NOTE:
        walk_id(c, m->id);
        walk_note(c, &m->note);
        break;
    case KEEPER_LIST:
    case KEEPER_QUIT:
        break;
    }
}

int keeper_message_encode(const struct keeper_message *m, struct buf *out)
{
    struct keeper_message copy = *m; /* writing does not change it, the walk only could */
    struct codec c = codec_writer(out);
    size_t before = out->len;
    uint32_t type = m->type, size = 0;

    codec_u32(&c, &type);
    codec_u32(&c, &size);
    walk_fields(&c, &copy);
    if (c.is_bad || out->len - before > KEEPER_MESSAGE_MAX) {
        out->len = before;
        return c.is_bad ? -EINVAL : -E2BIG;
    }
    size = (uint32_t)(out->len - before);
    memcpy(out->data + before + sizeof(type), &size, sizeof(size));
    return 0;
}

int keeper_message_decode(const void *data, size_t len, struct keeper_message *ret)
{
    struct codec c = codec_reader(data, len);
    struct keeper_message m = {0};
    uint32_t size = 0;

    if (len > KEEPER_MESSAGE_MAX)
        return -EBADMSG;
    m.type = walk_enum(&c, 0, KEEPER_MESSAGE_TYPE_MAX);
    codec_u32(&c, &size);
    if (c.is_bad || m.type == 0 || size != len)
        return -EBADMSG;
    walk_fields(&c, &m);
    int r = codec_finish(&c);
    if (r < 0)
        keeper_message_deinit(&m);
    else
        *ret = m;
    return r;
}

void keeper_message_deinit(struct keeper_message *m)
{
    if (m->type == KEEPER_SPAWN) {
        free(m->spawn.argv);
        free(m->spawn.env);
        free(m->spawn.sandbox.wrap);
        free(m->spawn.sandbox.checks);
    } else if (m->type == KEEPER_LISTENER) {
        fd_closep(&m->listener_fd);
    }
    *m = (struct keeper_message){0};
}

uint32_t keeper_version_common(uint32_t min, uint32_t max)
{
    uint32_t highest = max < KEEPER_VERSION_MAX ? max : KEEPER_VERSION_MAX;
    return highest >= min && highest >= KEEPER_VERSION_MIN ? highest : 0;
}
