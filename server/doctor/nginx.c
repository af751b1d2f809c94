/*
 * An nginx in front of the server, by its configuration: what holds up streams, cuts off waits or
 * repeats what must happen once. `include` is followed. Each block with a proxy_pass counts, with
 * what it has itself or from around it.
 */
#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "server/doctor/nginx_conf.h"
#include "server/doctor/report.h"
#include "state/base/fd.h"

#define FILE_MAX_BYTES    (4u * 1024 * 1024)
#define INCLUDE_DEPTH_MAX 8

/* What is in force where we are; borrowed from the tree. */
struct scope {
    const struct nginx_directive *buffering, *read_timeout, *send_timeout, *http_version,
        *body_size, *next_upstream;
    const char *name; /* of the nearest location or server */
};

struct look {
    struct doctor *d;
    const char *dir;  /* of the main file: include is relative to it */
    unsigned n_found; /* blocks with a proxy_pass */
    bool is_bad;      /* something could not be read */
};

/* ---- reading ---- */

static bool read_file(struct look *l, const char *path, struct nginx_directive *ret)
{
    CLEANUP(free_p) char *text = NULL;
    unsigned line = 0;
    size_t len;
    int r = file_read(path, FILE_MAX_BYTES, &text, &len);

    *ret = (struct nginx_directive){0};
    if (r == 0 && nginx_conf_parse(text, len, ret, &line))
        return true;
    if (r < 0)
        doctor_fail(l->d, "nginx", NULL, "%s: %s", path, strerror(-r));
    else
        doctor_fail(l->d, "nginx", "nginx -t", "%s:%u: can't be understood", path, line);
    l->is_bad = true;
    return false;
}

static void expand(struct look *l, struct nginx_directive *block, unsigned depth);

/* Moves what is in the file to the end of the block. */
static void include_file(struct look *l, struct nginx_directive *block, const char *path,
                         unsigned depth)
{
    struct nginx_directive file;

    if (read_file(l, path, &file)) {
        expand(l, &file, depth + 1);
        block->v = realloc(block->v, (block->n + file.n + 1) * sizeof(*block->v));
        if (!block->v)
            abort();
        memcpy(block->v + block->n, file.v, file.n * sizeof(*file.v));
        block->n += file.n;
        block->cap = block->n + 1;
        file.n = 0;
    }
    nginx_conf_deinit(&file);
}

static void include(struct look *l, struct nginx_directive *block, const char *pattern,
                    unsigned depth)
{
    CLEANUP(free_p) char *path = NULL;
    glob_t found;

    if (depth == INCLUDE_DEPTH_MAX)
        return;
    if (asprintf(&path, "%s%s%s", pattern[0] == '/' ? "" : l->dir, pattern[0] == '/' ? "" : "/",
                 pattern) < 0)
        abort();
    if (glob(path, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++)
            include_file(l, block, found.gl_pathv[i], depth);
    else if (!strpbrk(pattern, "*?["))
        include_file(l, block, path, depth); /* says that it is not there */
    globfree(&found);
}

/* The order among directives of one block means nothing for what we look at. */
static void expand(struct look *l, struct nginx_directive *block, unsigned depth)
{
    size_t n = block->n;

    for (size_t i = 0; i < n; i++) {
        if (block->v[i].is_block)
            expand(l, &block->v[i], depth);
        else if (strcmp(block->v[i].words[0], "include") == 0 && block->v[i].n_words == 2) {
            CLEANUP(free_p) char *pattern = xstrdup(block->v[i].words[1]);
            include(l, block, pattern, depth);
        }
    }
}

/* ---- looking ---- */

static void inherit(const struct nginx_directive **to, const struct nginx_directive *block,
                    const char *name)
{
    const struct nginx_directive *d = nginx_conf_find(block, name);
    if (d && d->n_words > 1)
        *to = d;
}

static void enter(struct scope *s, const struct nginx_directive *block)
{
    inherit(&s->buffering, block, "proxy_buffering");
    inherit(&s->read_timeout, block, "proxy_read_timeout");
    inherit(&s->send_timeout, block, "proxy_send_timeout");
    inherit(&s->http_version, block, "proxy_http_version");
    inherit(&s->body_size, block, "client_max_body_size");
    inherit(&s->next_upstream, block, "proxy_next_upstream");
    if (block->n_words > 1 && strcmp(block->words[0], "location") == 0)
        s->name = block->words[block->n_words - 1];
}

static bool has_word(const struct nginx_directive *d, const char *word)
{
    for (size_t i = 1; d && i < d->n_words; i++)
        if (strcmp(d->words[i], word) == 0)
            return true;
    return false;
}

static void check_timeout(struct look *l, const struct scope *s)
{
    uint64_t ms = 60000, wanted = l->d->config->max_wait_ms;
    char mend[96];

    if (s->read_timeout && !nginx_conf_time(s->read_timeout, &ms))
        return;
    if (ms > wanted)
        return;
    snprintf(mend, sizeof(mend), "proxy_read_timeout 1h;, or lower limits.max_wait");
    doctor_warn(l->d, "nginx timeout", mend,
                "location %s: proxy_read_timeout is %" PRIu64 " s, calls may wait for %" PRIu64
                " s (limits.max_wait): they are cut off, and a call that is cut off is cancelled",
                s->name, ms / 1000, wanted / 1000);
}

static void check_body(struct look *l, const struct scope *s)
{
    uint64_t bytes = 1 << 20;

    if (s->body_size && !nginx_conf_size(s->body_size, &bytes))
        return;
    if (bytes != 0 && bytes < l->d->config->max_body_bytes)
        doctor_warn(l->d, "nginx body", "client_max_body_size as server.max_body",
                    "location %s: requests above %" PRIu64
                    " bytes are refused, mcp-execd takes %zu "
                    "(server.max_body)",
                    s->name, bytes, l->d->config->max_body_bytes);
}

static void check_pass(struct look *l, const struct scope *s)
{
    l->n_found++;
    if (!has_word(s->buffering, "off"))
        doctor_fail(l->d, "nginx buffering", "proxy_buffering off;",
                    "location %s: output and events are held back until a buffer is full", s->name);
    if (!has_word(s->http_version, "1.1"))
        doctor_warn(l->d, "nginx version",
                    "proxy_http_version 1.1; proxy_set_header Connection \"\";",
                    "location %s: each request makes a connection of its own", s->name);
    if (has_word(s->next_upstream, "non_idempotent"))
        doctor_fail(l->d, "nginx retries", "take non_idempotent out of proxy_next_upstream",
                    "location %s: a POST is sent again, and what it starts may run twice", s->name);
    check_timeout(l, s);
    check_body(l, s);
}

static void look_at(struct look *l, const struct nginx_directive *block, struct scope s)
{
    enter(&s, block);
    if (nginx_conf_find(block, "proxy_pass"))
        check_pass(l, &s);
    for (size_t i = 0; i < block->n; i++)
        if (block->v[i].is_block)
            look_at(l, &block->v[i], s);
}

void doctor_check_nginx(struct doctor *d, const char *file)
{
    struct nginx_directive root;
    CLEANUP(free_p) char *dir = xstrdup(file);
    char *slash = strrchr(dir, '/');
    unsigned before = d->n_failures + d->n_warnings;

    if (slash)
        *slash = '\0';
    struct look l = {.d = d, .dir = slash ? dir : "."};
    if (read_file(&l, file, &root)) {
        expand(&l, &root, 0);
        look_at(&l, &root, (struct scope){.name = "/"});
        if (l.n_found == 0 && !l.is_bad)
            doctor_fail(d, "nginx", NULL, "%s: nothing is passed on (no proxy_pass)", file);
        else if (d->n_failures + d->n_warnings == before)
            doctor_ok(d, "nginx", "%s: streams pass, waits fit, nothing is repeated", file);
    }
    nginx_conf_deinit(&root);
}
