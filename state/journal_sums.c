/* The file sums is two lines of 64 hexadecimal digits, stdout's and stderr's. */
#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <unistd.h>

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
    char *data; /* owned; `size` bytes */
    size_t size;
    uint64_t offset;
    size_t len;
};

struct hasher {
    EVP_MD_CTX *out, *err; /* owned */
};

struct journal_summing {
    char *dir;               /* owned */
    struct journal *journal; /* owned; NULL: the sums were kept */
    struct hasher hasher;
    struct window window;
    uint64_t next; /* the record to be hashed */
    bool has_ended;
    struct journal_sums sums;
};

static void hasher_deinit(struct hasher *h)
{
    EVP_MD_CTX_free(h->out);
    EVP_MD_CTX_free(h->err);
}

static EVP_MD *sha256; /* owned for ever */

static void fetch_sha256(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!sha256)
        abort();
}

/* Looked for once: what EVP_sha256() has looked for each time takes 10 to 30 us when it was not
 * done for a while (measured 2026-11). */
static EVP_MD_CTX *sha256_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, fetch_sha256);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (!ctx || EVP_DigestInit_ex(ctx, sha256, NULL) != 1)
        abort();
    return ctx;
}

static void sha256_hex(EVP_MD_CTX *ctx, char ret[HEX_LEN + 1])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n;

    if (EVP_DigestFinal_ex(ctx, digest, &n) != 1 || n * 2 != HEX_LEN)
        abort();
    for (unsigned i = 0; i < n; i++) {
        ret[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        ret[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    ret[HEX_LEN] = '\0';
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

int journal_keep_sums(const char *dir, const struct journal_sums *sums)
{
    CLEANUP(buf_deinit) struct buf b = {0};

    buf_printf(&b, "%s\n%s\n", sums->stdout_hex, sums->stderr_hex);
    return file_replace(dir, "sums", b.data, b.len);
}

static int hash_record(struct journal_summing *s, const struct journal_record *rec)
{
    struct window *w = &s->window;
    if (rec->offset < w->offset || rec->offset + rec->length > w->offset + w->len) {
        uint64_t left = journal_output_bytes(s->journal) - rec->offset;
        w->len = left < w->size ? (size_t)left : w->size;
        w->offset = rec->offset;
        int r = journal_read(s->journal, w->offset, w->data, w->len);
        if (r < 0)
            return r;
    }
    EVP_MD_CTX *ctx = rec->type == JOURNAL_STDERR ? s->hasher.err : s->hasher.out;
    if (EVP_DigestUpdate(ctx, w->data + (rec->offset - w->offset), rec->length) != 1)
        abort();
    return 0;
}

/* Records until about max_bytes are hashed. 1: there are more; 0; -errno. */
static int hash_some(struct journal_summing *s, uint64_t max_bytes)
{
    struct journal_record recs[256];
    uint64_t bytes = 0;
    size_t n;

    while (s->next < journal_events(s->journal)) {
        if (bytes >= max_bytes)
            return 1;
        int r = journal_records(s->journal, s->next, recs, ARRAY_LEN(recs), &n);
        for (size_t i = 0; r == 0 && i < n && bytes < max_bytes; i++, s->next++) {
            r = recs[i].length > 0 ? hash_record(s, &recs[i]) : 0;
            bytes += recs[i].length;
        }
        if (r < 0)
            return r;
    }
    return 0;
}

static void begin(struct journal_summing *s)
{
    uint64_t bytes = journal_output_bytes(s->journal);
    s->window.size = bytes < WINDOW_SIZE ? (size_t)bytes : WINDOW_SIZE;
    s->window.data = xcalloc(1, s->window.size + 1);
    s->hasher = (struct hasher){.out = sha256_new(), .err = sha256_new()};
}

static void finish(const struct journal_summing *s, struct journal_sums *ret)
{
    sha256_hex(s->hasher.out, ret->stdout_hex);
    sha256_hex(s->hasher.err, ret->stderr_hex);
}

static int open_journal(struct journal_summing *s, const char *state_dir, const char *id,
                        uint64_t limit)
{
    CLEANUP(buf_deinit) struct buf path = {0};

    /* Asked before the index is read: exit comes last, so nothing more is written after it. */
    buf_printf(&path, "%s/exit", s->dir);
    s->has_ended = access(path.data, F_OK) == 0;
    int r = journal_open(state_dir, id, &s->journal);
    if (r < 0)
        return r;
    if (limit > 0 && journal_output_bytes(s->journal) > limit)
        return -EFBIG;
    return journal_first_offset(s->journal) > 0 ? -ENODATA : 0;
}

int journal_summing_new(const char *state_dir, const char *id, uint64_t limit,
                        struct journal_summing **ret)
{
    CLEANUP(journal_summing_freep) struct journal_summing *s = xcalloc(1, sizeof(*s));

    s->dir = journal_dir(state_dir, id);
    if (!read_kept(s->dir, &s->sums)) {
        int r = open_journal(s, state_dir, id, limit);
        if (r < 0)
            return r;
        begin(s);
    }
    *ret = TAKE_PTR(s);
    return 0;
}

void journal_summing_freep(struct journal_summing **s)
{
    if (!*s)
        return;
    free((*s)->dir);
    journal_close((*s)->journal);
    hasher_deinit(&(*s)->hasher);
    free((*s)->window.data);
    free(*s);
    *s = NULL;
}

/* Of a lost one there may be more once its owner is back. */
static bool is_lost(const struct journal_summing *s)
{
    struct execution_exit e;
    return journal_read_exit(s->dir, &e) == 0 && e.reason == REASON_LOST;
}

int journal_summing_step(struct journal_summing *s, uint64_t max_bytes, struct journal_sums *ret)
{
    if (s->journal) {
        int r = hash_some(s, max_bytes);
        if (r != 0)
            return r;
        finish(s, &s->sums);
        if (s->has_ended && journal_output_bytes(s->journal) >= KEEP_FROM_BYTES && !is_lost(s))
            DISREGARD(journal_keep_sums(s->dir, &s->sums)); /* they can be computed again */
    }
    *ret = s->sums;
    return 0;
}

int journal_sums(const char *state_dir, const char *id, uint64_t limit, struct journal_sums *ret)
{
    CLEANUP(journal_summing_freep) struct journal_summing *s = NULL;
    int r = journal_summing_new(state_dir, id, limit, &s);

    return r < 0 ? r : journal_summing_step(s, UINT64_MAX, ret);
}

int journal_sums_of(struct journal *j, struct journal_sums *ret)
{
    struct journal_summing s = {.journal = j};
    if (journal_first_offset(j) > 0)
        return -ENODATA;
    begin(&s);
    int r = hash_some(&s, UINT64_MAX);
    if (r == 0)
        finish(&s, ret);
    hasher_deinit(&s.hasher);
    free(s.window.data);
    return r;
}
