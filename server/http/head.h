#pragma once
/*
 * The bytes of a request's head, looked at once more: h2o takes Content-Length, Transfer-Encoding
 * and Host out of the headers and picks one of each, which is where two readers of the same bytes
 * begin to disagree (RFC 9112 11.2). Pure, any thread.
 */
#include <stdbool.h>
#include <stddef.h>

struct head {
    size_t bytes; /* up to and with the empty line */
    unsigned n_host, n_length, n_encoding;
    bool has_bare_lf, is_folded;
};

/* [begin, end) starts with a head that h2o has accepted; the body may follow. */
struct head head_scan(const char *begin, const char *end);
