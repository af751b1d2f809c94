/* The file sums is two lines of 64 hexadecimal digits, stdout's and stderr's. */
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "state/base/buf.h"
#include "state/base/fd.h"
#include "state/journal.h"

/* Smaller outputs are hashed again when asked: that costs less than one more file for each. */
#define KEEP_FROM_BYTES (256u << 10)
#define HEX_LEN         64
#define SUMS_SIZE       (2 * (HEX_LEN + 1))
#define WINDOW_SIZE     (4 * (size_t)JOURNAL_RECORD_MAX)

/* A piece of output, so that many short lines cost one read. */
struct window {
    struct journal *journal; /* borrowed */
    char *data;              /* owned; WINDOW_SIZE */
    uint64_t offset;
    size_t len;
};

struct hasher {
    EVP_MD_CTX *out, *err; /* owned */
};

static void hasher_deinit(struct hasher *h)
{
    EVP_MD_CTX_free(h->out);
    EVP_MD_CTX_free(h->err);
}

static EVP_MD_CTX *sha256_new(void)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
        abort();
    return ctx;
}

static void sha256_hex(EVP_MD_CTX *ctx, char ret[HEX_LEN + 1])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n;

    if (EVP_DigestFinal_ex(ctx, digest, &n) != 1 || n * 2 != HEX_LEN)
        abort();
    for (unsigned i = 0; i < n; i++)
        (void)snprintf(ret + 2 * (size_t)i, 3, "%02x", digest[i]);
}

static bool is_hex(const char *s)
{
    return strspn(s, "0123456789abcdef") == HEX_LEN;
}

static bool read_kept(const char *dir, struct journal_sums *ret)
{
    CLEANUP(buf_deinit) struct buf path = {0};
    CLEANUP(free_p) char *text = NULL;
    size_t len;

    buf_printf(&path, "%s/sums", dir);
    if (file_read(path.data, SUMS_SIZE, &text, &len) < 0 || len != SUMS_SIZE || !is_hex(text) ||
        !is_hex(text + HEX_LEN + 1))
        return false;
    memcpy(ret->stdout_hex, text, HEX_LEN);
    memcpy(ret->stderr_hex, text + HEX_LEN + 1, HEX_LEN);
    ret->stdout_hex[HEX_LEN] = ret->stderr_hex[HEX_LEN] = '\0';
    return true;
}

static void keep(const char *dir, const struct journal_sums *sums)
{
    CLEANUP(buf_deinit) struct buf b = {0};

    buf_printf(&b, "%s\n%s\n", sums->stdout_hex, sums->stderr_hex);
    /* They can be computed again. */
    DISREGARD(file_replace(dir, "sums", b.data, b.len));
}

static int hash_record(struct hasher *h, struct window *w, const struct journal_record *rec)
{
    if (rec->offset < w->offset || rec->offset + rec->length > w->offset + w->len) {
        uint64_t left = journal_output_bytes(w->journal) - rec->offset;
        w->len = left < WINDOW_SIZE ? (size_t)left : WINDOW_SIZE;
        w->offset = rec->offset;
        int r = journal_read(w->journal, w->offset, w->data, w->len);
        if (r < 0)
            return r;
    }
    EVP_MD_CTX *ctx = rec->type == JOURNAL_STDERR ? h->err : h->out;
    if (EVP_DigestUpdate(ctx, w->data + (rec->offset - w->offset), rec->length) != 1)
        abort();
    return 0;
}

static int hash_journal(struct hasher *h, struct journal *j)
{
    CLEANUP(free_p) char *data = xcalloc(1, WINDOW_SIZE);
    struct window w = {.journal = j, .data = data};
    struct journal_record recs[256];
    size_t n;

    for (uint64_t from = 0; from < journal_events(j); from += n) {
        int r = journal_records(j, from, recs, ARRAY_LEN(recs), &n);
        for (size_t i = 0; r == 0 && i < n; i++)
            r = recs[i].length > 0 ? hash_record(h, &w, &recs[i]) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

int journal_sums(const char *state_dir, const char *id, uint64_t limit, struct journal_sums *ret)
{
    CLEANUP(free_p) char *dir = journal_dir(state_dir, id);
    CLEANUP(journal_closep) struct journal *j = NULL;
    struct execution_exit e;

    if (read_kept(dir, ret))
        return 0;
    /* Asked before the index is read: exit comes last, so nothing more is written after it. */
    bool has_ended = journal_read_exit(dir, &e) == 0;
    int r = journal_open(state_dir, id, &j);
    if (r < 0)
        return r;
    if (limit > 0 && journal_output_bytes(j) > limit)
        return -EFBIG;
    if (journal_first_offset(j) > 0)
        return -ENODATA;

    CLEANUP(hasher_deinit) struct hasher h = {.out = sha256_new(), .err = sha256_new()};
    r = hash_journal(&h, j);
    if (r < 0)
        return r;
    sha256_hex(h.out, ret->stdout_hex);
    sha256_hex(h.err, ret->stderr_hex);
    if (has_ended && journal_output_bytes(j) >= KEEP_FROM_BYTES)
        keep(dir, ret);
    return 0;
}
