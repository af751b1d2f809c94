/* A damaged journal: the first four bytes are the size of output (at most 1 MiB, host order), the
 * rest is the index. Every answer of the reader must stay inside of these. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "state/base/fd.h"
#include "state/journal.h"

#define ID         "r-abcdefghijklmnopqrstuvwxyz"
#define OUTPUT_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static char state_dir[] = "/tmp/fuzz_journal.XXXXXX";
static char *dir;

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void on_exit_remove(void)
{
    (void)!dir_remove(state_dir);
    free(dir);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    must(mkdtemp(state_dir));
    dir = journal_dir(state_dir, ID);
    must(dir_make(dir) == 0);
    must(atexit(on_exit_remove) == 0);
    return 0;
}

static void write_output(uint32_t size)
{
    char path[200];
    (void)snprintf(path, sizeof(path), "%s/output", dir);
    CLEANUP(fd_closep) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    must(fd >= 0 && ftruncate(fd, size) == 0);
}

static void read_all(struct journal *j)
{
    static char bytes[JOURNAL_RECORD_MAX];
    struct journal_record recs[7];
    size_t n = 1;

    for (uint64_t from = 0; n > 0; from += n) {
        if (journal_records(j, from, recs, ARRAY_LEN(recs), &n) < 0)
            return;
        must(n <= ARRAY_LEN(recs) && from + n <= journal_events(j));
        for (size_t i = 0; i < n; i++) {
            must(recs[i].length <= JOURNAL_RECORD_MAX);
            must(recs[i].offset + recs[i].length <= journal_output_bytes(j));
            int r = journal_read(j, recs[i].offset, bytes, recs[i].length);
            must(r == 0 || (r == -ENODATA && recs[i].offset < journal_first_offset(j)));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(journal_closep) struct journal *j = NULL;
    struct journal_sums sums;
    uint32_t output_size;

    if (size < sizeof(output_size))
        return 0;
    memcpy(&output_size, data, sizeof(output_size));
    output_size %= OUTPUT_MAX;
    write_output(output_size);
    must(file_replace(dir, "index", data + sizeof(output_size), size - sizeof(output_size)) == 0);

    int r = journal_open(state_dir, ID, &j);
    must(r == 0 || r == -EBADMSG || r == -ENOENT);
    if (r < 0)
        return 0;
    must(journal_output_bytes(j) <= output_size);
    must(journal_first_event(j) <= journal_events(j));
    read_all(j);
    must(journal_refresh(j) == 0);
    r = journal_sums(state_dir, ID, 0, &sums);
    must(r == 0 || r == -EBADMSG || r == -ENODATA);
    return 0;
}
