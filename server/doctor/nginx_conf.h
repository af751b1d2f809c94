#pragma once
/*
 * The grammar of nginx configuration files, without what its directives mean: words, then ";" or a
 * block. Pure, any thread.
 *
 *    directive:   word … ;        or        word … { directive … }
 *    word:        plain, "quoted" or 'quoted'; "\" takes the next character as it is; # begins a
 *                 comment where a word could begin
 */
#include "state/base/buf.h"

#define NGINX_DEPTH_MAX      32
#define NGINX_DIRECTIVES_MAX 100000u
#define NGINX_WORDS_MAX      1024u /* of one directive */

struct nginx_directive {
    char **words; /* owned, NULL-terminated; at least one */
    size_t n_words;
    bool is_block;
    struct nginx_directive *v; /* owned: what is in its block */
    size_t n, cap;
};

/* Into a block without words. False: *ret_line is where it can't be understood. *ret is the
 * caller's in any case (nginx_conf_deinit). */
MUST_USE bool nginx_conf_parse(const char *text, size_t len, struct nginx_directive *ret,
                               unsigned *ret_line);
void nginx_conf_deinit(struct nginx_directive *d);
/* The last one of this name in the block; NULL: none. */
const struct nginx_directive *nginx_conf_find(const struct nginx_directive *block,
                                              const char *name);
/* "1h 30m", "60", "500ms" in milliseconds; "8m", "1024k" in bytes. False: not one. */
MUST_USE bool nginx_conf_time(const struct nginx_directive *d, uint64_t *ret_ms);
MUST_USE bool nginx_conf_size(const struct nginx_directive *d, uint64_t *ret_bytes);
