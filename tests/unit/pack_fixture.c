#include "tests/unit/pack_fixture.h"

#include <stdio.h>

#include "state/base/clock.h"
#include "state/base/fd.h"
#include "state/journal.h"
#include "tests/unit/json_schema.h"
#include "tests/unit/temp_dir.h"

/* ---- the reactor ---- */

uint64_t reactor_submit(struct reactor *r, struct call *c)
{
    c->serial = ++r->serial;
    r->submitted++;
    r->last = *c;
    if (c->op == CALL_START) {
        exec_spec_free(r->spec);
        r->spec = TAKE_PTR(c->spec);
    }
    if (c->op == CALL_STDIN) {
        free(r->input);
        r->input = TAKE_PTR(c->input.data);
    }
    uint64_t serial = c->serial;
    r->serve(r, c);
    return serial;
}

void reactor_cancel_call(struct reactor *r, uint64_t serial, bool kill)
{
    r->cancelled = serial;
    r->is_kill = kill;
    if (!r->parked || r->parked->serial != serial)
        return;
    struct call *c = TAKE_PTR(r->parked);
    c->outcome = CALL_E_CANCELLED;
    c->home->post(c->home, c);
}

void reactor_on_news(struct reactor *r, reactor_news_fn *fn, void *arg)
{
    r->on_news = fn;
    r->news_arg = arg;
}

void reactor_on_list_news(struct reactor *r, void (*fn)(void *arg, const char *principal),
                          void *arg)
{
    r->on_list_news = fn;
}

void reactor_watch(struct reactor *r, const char *id)
{
    r->watches++;
}

void reactor_unwatch(struct reactor *r, const char *id)
{
    r->watches--;
}

struct isolation *reactor_isolation(const struct reactor *r)
{
    return NULL;
}

void reactor_answers(struct reactor *r, struct call *c)
{
    c->outcome = r->outcome;
    c->view = r->view;
    c->repeated = r->repeated;
    c->was_running = r->was_running;
    if (c->op == CALL_LIST) {
        c->n_views = c->list.limit < 2 ? c->list.limit : 2;
        c->views = xcalloc(c->n_views + 1, sizeof(*c->views));
        for (size_t i = 0; i < c->n_views; i++)
            c->views[i] = r->view;
        c->has_more = c->list.limit < 3;
    }
    c->home->post(c->home, c);
}

void reactor_parks(struct reactor *r, struct call *c)
{
    assert_null(r->parked);
    r->parked = c;
}

void reactor_release(struct pack_fixture *f)
{
    assert_non_null(f->reactor.parked);
    reactor_answers(&f->reactor, TAKE_PTR(f->reactor.parked));
    memory_home_run(f->mcp.home);
}

/* ---- the server ---- */

static char *code_argv[] = {(char *)"/bin/sh", (char *)"-c", (char *)"{code}", NULL};
static struct config_runtime runtime = {.language = (char *)"sh", .argv = code_argv};

static void set_config(struct config *c, char *dir)
{
    c->replica_id = (char *)"r1";
    c->state_dir = dir;
    c->shell = (char *)"/bin/sh";
    c->runtimes = &runtime;
    c->n_runtimes = 1;
    c->session_ttl_ms = 3600000;
    c->timeout_ms = 300000;
    c->max_timeout_ms = 86400000;
    c->max_wait_ms = 300000;
    c->max_reply_bytes = 1 << 20;
    c->max_command_bytes = 131072;
    c->max_per_session = 5;
    c->max_watched = 100;
    c->files_enabled = true;
    c->max_write_bytes = 1 << 20;
    c->workspace_quota_bytes = 1 << 30;
    c->max_scan_entries = 1000;
    c->retention_ttl_ms = 3600000;
    c->task_sync_wait_ms = 2000;
    c->task_poll_interval_ms = 1000;
}

int pack_set_up(void **state)
{
    struct pack_fixture *f = xcalloc(1, sizeof(*f));
    struct mcp_fixture *m = &f->mcp;
    (void)snprintf(m->dir, sizeof(m->dir), "/tmp/mcp-test-XXXXXX");
    assert_non_null(mkdtemp(m->dir));
    set_config(&m->config, m->dir);
    assert_int_equal(sessions_new(m->dir, "r1", 100, m->config.session_ttl_ms, &m->sessions), 0);
    m->home = memory_home_new();
    f->pack = pack_exec_new(&m->config, &f->reactor);
    const struct mcp_pack *packs[] = {f->pack};
    m->mcp = mcp_new(&(struct mcp_options){.config = &m->config,
                                           .sessions = m->sessions,
                                           .packs = packs,
                                           .n_packs = 1,
                                           .name = "test-server",
                                           .title = "Test server",
                                           .version = "1.2"});
    pack_exec_attach(f->pack, m->mcp);
    f->reactor.serve = reactor_answers;
    f->reactor.view = (struct execution_view){
        .id = PACK_ID, .status = EXECUTION_RUNNING, .created_us = 1000, .started_us = 1000};
    *state = f;
    return 0;
}

int pack_tear_down(void **state)
{
    struct pack_fixture *f = *state;
    struct mcp_pack *pack = f->pack;
    assert_null(f->reactor.parked);
    exec_spec_free(f->reactor.spec);
    free(f->reactor.input);
    if (f->journal.dir)
        journal_file_close(&f->journal);
    int r = mcp_tear_down(state); /* frees f */
    pack_exec_free(pack);
    return r;
}

/* ---- requests ---- */

struct exchange *pack_send(struct pack_fixture *f, const char *tool, const char *arguments)
{
    CLEANUP(buf_deinit) struct buf params = {0};
    buf_printf(&params, "\"name\":\"%s\",\"arguments\":%s", tool, arguments);
    return mcp_modern(&f->mcp, "tools/call", tool, params.data);
}

cJSON *pack_call(struct pack_fixture *f, const char *tool, const char *arguments)
{
    struct exchange *x = pack_send(f, tool, arguments);
    CLEANUP(json_deletep) cJSON *reply = reply_json(x);
    json_at(reply, "result.content.0.text");
    cJSON *result = cJSON_DetachItemFromObjectCaseSensitive(reply, "result");
    done(x);
    return result;
}

void pack_refused(struct pack_fixture *f, const char *tool, const char *arguments, const char *text)
{
    CLEANUP(json_deletep) cJSON *result = pack_call(f, tool, arguments);
    const char *got = json_at(result, "content.0.text")->valuestring;
    if (!cJSON_IsTrue(json_get(result, "isError")))
        fail_msg("%s %s was not refused: %s", tool, arguments, got);
    if (!strstr(got, text))
        fail_msg("%s %s: \"%s\" does not say \"%s\"", tool, arguments, got, text);
}

void pack_conforms(struct pack_fixture *f, const char *tool, const cJSON *result)
{
    struct exchange *x = mcp_modern(&f->mcp, "tools/list", NULL, "");
    CLEANUP(json_deletep) cJSON *list = reply_json(x);
    const cJSON *t;
    done(x);
    cJSON_ArrayForEach(t, json_at(list, "result.tools"))
    {
        if (strcmp(json_at(t, "name")->valuestring, tool) != 0)
            continue;
        CLEANUP(free_p)
        char *error =
            json_schema_check(json_at(t, "outputSchema"), json_at(result, "structuredContent"));
        if (error)
            fail_msg("%s: %s", tool, error);
        return;
    }
    fail_msg("no tool %s", tool);
}

/* ---- executions ---- */

static void write_spec(const char *dir)
{
    char *argv[] = {(char *)"/bin/sh", NULL}, *env[] = {(char *)"PATH=/bin", NULL};
    const struct exec_spec s = {.id = PACK_ID,
                                .principal = (char *)"alice",
                                .session_id = (char *)"s1",
                                .command = (char *)"make",
                                .argv = argv,
                                .env = env,
                                .cwd = (char *)"/"};
    assert_int_equal(exec_spec_write(&s, dir), 0);
}

void pack_execution(struct pack_fixture *f, const char *output)
{
    struct journal_file *j = &f->journal;
    journal_file_create(j, f->mcp.dir, PACK_ID);
    write_spec(j->dir);
    journal_file_event(j, JOURNAL_READY, 0);
    if (output)
        journal_file_bytes(j, JOURNAL_STDOUT, 0, output, strlen(output));
    f->reactor.view.events = j->events;
    f->reactor.view.output_bytes = j->output_bytes;
}

void pack_execution_ends(struct pack_fixture *f, const struct execution_exit *x)
{
    assert_int_equal(journal_write_exit(f->journal.dir, x), 0);
    f->reactor.view.status = execution_status_of(x->reason);
}
