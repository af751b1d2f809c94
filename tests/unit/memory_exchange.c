#include "tests/unit/memory_exchange.h"

#include <pthread.h>
#include <string.h>

#include "state/base/clock.h"
#include "state/base/list.h"

#define REPLY_HEADERS_MAX 8

struct task {
    struct list link;
    void (*fn)(void *arg);
    void *arg;
    uint64_t due_ms; /* of timers */
};

struct home {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct list posts;  /* lock */
    bool is_stopping;   /* lock */
    struct list timers; /* home */
    struct list gone;   /* home: exchanges whose watcher is to be told */
    unsigned max_streams, n_streams, n_exchanges;
    pthread_t thread;
};

struct exchange {
    struct home *home;
    unsigned refs;
    char *method, *path, *query, *body, *principal; /* owned */
    size_t body_len;
    struct exchange_header *headers; /* owned, with what they point to */
    size_t n_headers;
    enum memory_phase phase;
    bool is_gone, is_gone_due;
    struct list gone_link;
    void (*on_gone)(void *arg);
    void *on_gone_arg;
    int status;
    char *content_type; /* owned */
    struct exchange_header reply_headers[REPLY_HEADERS_MAX];
    size_t n_reply_headers;
    struct buf reply;
};

static _Thread_local const struct home *current;

static void check_home(const struct home *h)
{
    assert(current == h);
}

/* ---- homes ---- */

struct home *memory_home_new(void)
{
    struct home *h = xcalloc(1, sizeof *h);

    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->wake, NULL);
    list_init(&h->posts);
    list_init(&h->timers);
    list_init(&h->gone);
    h->max_streams = 1000;
    return h;
}

static struct task *task_new(void (*fn)(void *arg), void *arg)
{
    struct task *t = xcalloc(1, sizeof *t);
    t->fn = fn;
    t->arg = arg;
    return t;
}

static void run_task(struct task *t)
{
    t->fn(t->arg);
    free(t);
}

static bool run_posts(struct home *h)
{
    struct list posts;

    list_init(&posts);
    pthread_mutex_lock(&h->lock);
    list_move_all(&h->posts, &posts);
    pthread_mutex_unlock(&h->lock);
    bool had_any = !list_is_empty(&posts);
    list_for_each_safe (it, next, &posts)
        run_task(CONTAINER_OF(it, struct task, link));
    return had_any;
}

static bool run_timers(struct home *h, bool are_all_due)
{
    struct list due;
    uint64_t now_ms = clock_mono_ms();

    list_init(&due);
    list_for_each_safe (it, next, &h->timers) {
        if (are_all_due || CONTAINER_OF(it, struct task, link)->due_ms <= now_ms) {
            list_remove(it);
            list_append(&due, it);
        }
    }
    bool had_any = !list_is_empty(&due);
    list_for_each_safe (it, next, &due)
        run_task(CONTAINER_OF(it, struct task, link));
    return had_any;
}

static void tell_gone(struct exchange *x)
{
    if (!x->is_gone_due || !x->on_gone || list_is_linked(&x->gone_link))
        return;
    list_append(&x->home->gone, &x->gone_link);
    exchange_ref(x);
}

static bool run_gone(struct home *h)
{
    bool had_any = false;

    for (struct list *l; (l = list_first(&h->gone)); had_any = true) {
        struct exchange *x = CONTAINER_OF(l, struct exchange, gone_link);
        list_remove(l);
        if (x->is_gone_due && x->on_gone) {
            x->is_gone_due = false;
            x->on_gone(x->on_gone_arg);
        }
        exchange_unref(x);
    }
    return had_any;
}

void memory_home_run(struct home *h)
{
    const struct home *before = current;

    current = h;
    while (run_posts(h) || run_gone(h) || run_timers(h, false))
        ;
    current = before;
}

struct home *memory_home_free(struct home *h)
{
    memory_home_run(h);
    current = h;
    (void)run_timers(h, true);
    current = NULL;
    memory_home_run(h);
    list_for_each_safe (it, next, &h->timers)
        free(CONTAINER_OF(it, struct task, link)); /* those that asked again */
    pthread_mutex_destroy(&h->lock);
    pthread_cond_destroy(&h->wake);
    free(h);
    return NULL;
}

static void *home_main(void *arg)
{
    struct home *h = arg;
    bool is_stopping = false;

    while (!is_stopping) {
        memory_home_run(h);
        pthread_mutex_lock(&h->lock);
        while (list_is_empty(&h->posts) && !h->is_stopping)
            pthread_cond_wait(&h->wake, &h->lock);
        is_stopping = h->is_stopping;
        pthread_mutex_unlock(&h->lock);
    }
    memory_home_run(h);
    return NULL;
}

void memory_home_start(struct home *h)
{
    h->is_stopping = false;
    int r = pthread_create(&h->thread, NULL, home_main, h);
    assert(r == 0);
    (void)r;
}

void memory_home_stop(struct home *h)
{
    pthread_mutex_lock(&h->lock);
    h->is_stopping = true;
    pthread_cond_signal(&h->wake);
    pthread_mutex_unlock(&h->lock);
    pthread_join(h->thread, NULL);
}

void memory_home_limit_streams(struct home *h, unsigned max)
{
    h->max_streams = max;
}

unsigned memory_home_exchanges(const struct home *h)
{
    return h->n_exchanges;
}

void home_post(struct home *h, void (*fn)(void *arg), void *arg)
{
    struct task *t = task_new(fn, arg);

    pthread_mutex_lock(&h->lock);
    list_append(&h->posts, &t->link);
    pthread_cond_signal(&h->wake);
    pthread_mutex_unlock(&h->lock);
}

void home_after(struct home *h, uint64_t ms, void (*fn)(void *arg), void *arg)
{
    struct task *t = task_new(fn, arg);

    check_home(h);
    t->due_ms = clock_mono_ms() + ms;
    list_append(&h->timers, &t->link);
}

/* ---- the request ---- */

static char *copy(const char *s, const char *otherwise)
{
    return xstrdup(s ? s : otherwise);
}

struct exchange *memory_exchange_new(struct home *h, const struct memory_request *r)
{
    struct exchange *x = xcalloc(1, sizeof *x);

    x->home = h;
    x->refs = 1;
    x->method = copy(r->method, "POST");
    x->path = copy(r->path, "/mcp");
    x->query = copy(r->query, "");
    x->principal = copy(r->principal, "alice");
    x->body_len = r->body_len ? r->body_len : r->body ? strlen(r->body) : 0;
    x->body = xcalloc(1, x->body_len + 1);
    if (x->body_len > 0)
        memcpy(x->body, r->body, x->body_len);
    while (r->headers && r->headers[x->n_headers].name)
        x->n_headers++;
    x->headers = xcalloc(x->n_headers + 1, sizeof *x->headers);
    for (size_t i = 0; i < x->n_headers; i++)
        x->headers[i] = (struct exchange_header){.name = xstrdup(r->headers[i].name),
                                                 .value = xstrdup(r->headers[i].value)};
    h->n_exchanges++;
    return x;
}

static void free_headers(struct exchange_header *headers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free((char *)headers[i].name);
        free((char *)headers[i].value);
    }
}

static void exchange_free(struct exchange *x)
{
    x->home->n_exchanges--;
    free_headers(x->headers, x->n_headers);
    free_headers(x->reply_headers, x->n_reply_headers);
    free(x->headers);
    free(x->method);
    free(x->path);
    free(x->query);
    free(x->body);
    free(x->principal);
    free(x->content_type);
    buf_deinit(&x->reply);
    free(x);
}

void memory_serve(struct exchange *x, void (*handle)(struct exchange *x, void *arg), void *arg)
{
    const struct home *before = current;

    current = x->home;
    exchange_ref(x);
    handle(x, arg);
    exchange_unref(x);
    current = before;
}

void memory_client_goes(struct exchange *x)
{
    const struct home *before = current;

    if (x->is_gone || x->phase == MEMORY_REPLIED || x->phase == MEMORY_ENDED)
        return;
    current = x->home;
    x->is_gone = x->is_gone_due = true;
    tell_gone(x);
    current = before;
}

const char *exchange_method(const struct exchange *x)
{
    return x->method;
}

const char *exchange_path(const struct exchange *x)
{
    return x->path;
}

const char *exchange_query(const struct exchange *x)
{
    return x->query;
}

const char *exchange_body(const struct exchange *x, size_t *ret_len)
{
    *ret_len = x->body_len;
    return x->body;
}

const char *exchange_header(const struct exchange *x, const char *name, size_t *ret_count)
{
    const char *first = NULL;
    size_t count = 0;

    for (size_t i = 0; i < x->n_headers; i++) {
        if (strcmp(x->headers[i].name, name) == 0 && count++ == 0)
            first = x->headers[i].value;
    }
    if (ret_count)
        *ret_count = count;
    return first;
}

void exchange_each_header(const struct exchange *x, const char *prefix,
                          void (*fn)(void *arg, const char *name, const char *value), void *arg)
{
    for (size_t i = 0; i < x->n_headers; i++) {
        if (strncmp(x->headers[i].name, prefix, strlen(prefix)) == 0)
            fn(arg, x->headers[i].name, x->headers[i].value);
    }
}

const char *exchange_principal(const struct exchange *x)
{
    return x->principal;
}

struct home *exchange_home(const struct exchange *x)
{
    return x->home;
}

bool exchange_is_authenticated(const struct exchange *x)
{
    return true;
}

bool exchange_has_headers(const struct exchange *x)
{
    return true;
}

struct exchange *exchange_ref(struct exchange *x)
{
    check_home(x->home);
    x->refs++;
    return x;
}

void exchange_unref(struct exchange *x)
{
    /* A test drops its own reference from outside. */
    assert(!current || current == x->home);
    assert(x->refs > 0);
    if (--x->refs == 0)
        exchange_free(x);
}

bool exchange_is_open(const struct exchange *x)
{
    return !x->is_gone && (x->phase == MEMORY_WAITING || x->phase == MEMORY_STREAMING);
}

void exchange_on_gone(struct exchange *x, void (*fn)(void *arg), void *arg)
{
    check_home(x->home);
    x->on_gone = fn;
    x->on_gone_arg = arg;
    tell_gone(x);
}

/* ---- the reply ---- */

static void put_head(struct exchange *x, int status, const char *content_type,
                     const struct exchange_header *headers, size_t n_headers)
{
    assert(n_headers <= REPLY_HEADERS_MAX);
    x->status = status;
    x->content_type = content_type ? xstrdup(content_type) : NULL;
    for (; x->n_reply_headers < n_headers; x->n_reply_headers++) {
        const struct exchange_header *h = &headers[x->n_reply_headers];
        assert(!strpbrk(h->value, "\r\n"));
        x->reply_headers[x->n_reply_headers] =
            (struct exchange_header){.name = xstrdup(h->name), .value = xstrdup(h->value)};
    }
}

void exchange_reply(struct exchange *x, int status, const char *content_type, const void *body,
                    size_t len, const struct exchange_header *headers, size_t n_headers)
{
    check_home(x->home);
    assert(x->phase == MEMORY_WAITING);
    x->phase = MEMORY_REPLIED;
    x->on_gone = NULL;
    put_head(x, status, content_type, headers, n_headers);
    if (!x->is_gone && len > 0)
        buf_append(&x->reply, body, len);
}

bool exchange_stream_begin(struct exchange *x, int status, const char *content_type,
                           const struct exchange_header *headers, size_t n_headers)
{
    check_home(x->home);
    assert(x->phase == MEMORY_WAITING);
    if (x->home->n_streams >= x->home->max_streams)
        return false;
    x->home->n_streams++;
    x->phase = MEMORY_STREAMING;
    put_head(x, status, content_type, headers, n_headers);
    return true;
}

void exchange_stream_write(struct exchange *x, const void *data, size_t len)
{
    check_home(x->home);
    assert(x->phase == MEMORY_STREAMING || x->phase == MEMORY_ENDED);
    if (exchange_is_open(x))
        buf_append(&x->reply, data, len);
}

void exchange_stream_end(struct exchange *x)
{
    check_home(x->home);
    assert(x->phase == MEMORY_STREAMING);
    x->home->n_streams--;
    x->phase = MEMORY_ENDED;
    x->on_gone = NULL;
}

size_t exchange_stream_queued(const struct exchange *x)
{
    return 0;
}

/* ---- what a test sees ---- */

enum memory_phase memory_phase(const struct exchange *x)
{
    return x->phase;
}

int memory_status(const struct exchange *x)
{
    return x->status;
}

const char *memory_content_type(const struct exchange *x)
{
    return x->content_type;
}

const char *memory_reply_header(const struct exchange *x, const char *name)
{
    for (size_t i = 0; i < x->n_reply_headers; i++) {
        if (strcmp(x->reply_headers[i].name, name) == 0)
            return x->reply_headers[i].value;
    }
    return NULL;
}

const char *memory_body(const struct exchange *x)
{
    return x->reply.data ? x->reply.data : "";
}

void memory_clear_body(struct exchange *x)
{
    buf_deinit(&x->reply);
}
