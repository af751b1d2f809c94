#include "tests/unit/service_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "state/base/clock.h"
#include "state/base/fd.h"
#include "tests/unit/fake_keeper.h"

static struct fixture *current;

static void come_back(struct call_home *home, struct call *c)
{
    list_append(&current->answered, &c->link);
}

void start_server(struct fixture *f)
{
    f->base = event_base_new();
    assert_int_equal(service_init(&f->service, &f->config, f->base), 0);
}

void stop_server(struct fixture *f)
{
    service_release_all(&f->service);
    service_deinit(&f->service);
    event_base_free(f->base);
}

int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/mcp-execd-service.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->config = (struct config){.state_dir = f->dir,
                                .keeper_path = (char *)"/bin/true", /* fake_keeper.c starts none */
                                .replica_id = (char *)"r1",
                                .max_concurrent = 2,
                                .max_per_session = 3,
                                .max_pending = 4,
                                .max_waiters = 5,
                                .max_finished = 100,
                                .retention_ttl_ms = 60000};
    f->home.post = come_back;
    list_init(&f->answered);
    current = f;
    start_server(f);
    *state = f;
    return 0;
}

int tear_down(void **state)
{
    struct fixture *f = *state;
    stop_server(f);
    list_for_each_safe (l, next, &f->answered)
        call_free(CONTAINER_OF(l, struct call, link));
    assert_int_equal(dir_remove(f->dir), 0);
    free(f);
    return 0;
}

struct call *make_call(struct fixture *f, enum call_op op, const char *session)
{
    struct call *c = call_new(op, &f->home, NULL, NULL);
    c->serial = ++f->serial;
    c->principal = strdup("alice");
    c->session_id = session ? strdup(session) : NULL;
    c->deadline_ms = clock_mono_ms() + 60000;
    return c;
}

static char **strings(const char *a)
{
    char **v = xcalloc(2, sizeof(*v));
    v[0] = strdup(a);
    return v;
}

struct call *make_start(struct fixture *f, const char *session, const char *key)
{
    struct call *c = make_call(f, CALL_START, session);
    struct exec_spec *s = xcalloc(1, sizeof(*s));
    s->principal = strdup("alice");
    s->session_id = session ? strdup(session) : NULL;
    s->command = strdup("true");
    s->argv = strings("/bin/true");
    s->env = strings("PATH=/bin");
    s->cwd = strdup("/");
    s->interactive = true;
    s->sync = true;
    if (key) {
        s->idempotency_key = strdup(key);
        s->request_hash = strdup("hash");
    }
    c->spec = s;
    return c;
}

struct call *answer(struct fixture *f)
{
    struct list *l = list_first(&f->answered);
    if (!l)
        return NULL;
    list_remove(l);
    return CONTAINER_OF(l, struct call, link);
}

enum call_outcome outcome(struct fixture *f)
{
    struct call *c = answer(f);
    assert_non_null(c);
    enum call_outcome o = c->outcome;
    call_free(c);
    return o;
}

const char *run_one(struct fixture *f, const char *session)
{
    static char id[EXECUTION_ID_MAX + 1];
    service_call(&f->service, make_start(f, session, NULL));
    const char *spawned = fake_keeper.spawned[(fake_keeper.n_spawned - 1) % 64];
    memcpy(id, spawned, sizeof(id));
    fake_keeper_started(id);
    assert_int_equal(outcome(f), CALL_OK);
    return id;
}

struct call *make_wait(struct fixture *f, const char *id, enum call_until until, uint64_t after)
{
    struct call *c = make_call(f, CALL_WAIT, NULL);
    (void)snprintf(c->id, sizeof(c->id), "%s", id);
    c->until = until;
    c->after_events = after;
    return c;
}
