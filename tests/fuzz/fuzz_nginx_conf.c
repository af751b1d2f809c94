/* A configuration of nginx: whatever is taken is a tree of words within its bounds. */
#include <string.h>

#include "server/doctor/nginx_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void walk(const struct nginx_directive *d, unsigned depth)
{
    uint64_t v;

    must(depth <= NGINX_DEPTH_MAX + 1);
    must(depth == 0 || (d->n_words > 0 && d->n_words <= NGINX_WORDS_MAX && !d->words[d->n_words]));
    must(d->is_block || d->n == 0);
    for (size_t i = 0; i < d->n; i++)
        walk(&d->v[i], depth + 1);
    if (depth > 0 && nginx_conf_size(d, &v))
        must(d->n_words == 2);
    if (depth > 0 && nginx_conf_time(d, &v))
        must(d->n_words > 1);
    must(!nginx_conf_find(d, "a") || strcmp(nginx_conf_find(d, "a")->words[0], "a") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Of the exact size, so that a read behind it shows. */
    CLEANUP(free_p) char *copy = malloc(size ? size : 1);
    struct nginx_directive root;
    unsigned line = 0;

    if (size > 0)
        memcpy(copy, data, size);
    if (nginx_conf_parse(copy, size, &root, &line))
        walk(&root, 0);
    must(line >= 1 && line <= size + 1);
    nginx_conf_deinit(&root);
    return 0;
}
