#pragma once
/* Writes a journal by the letter of state/journal_format.h, for tests of its readers. Asserts that
 * each write succeeds. One thread. */
#include <stddef.h>

#include "state/journal_format.h"

struct journal_file {
    char *dir; /* owned */
    int index_fd, output_fd;
    uint64_t events, output_bytes;
    struct journal_record last; /* as appended */
};

/* <state_dir>/executions/<id> with an empty journal. */
void journal_file_create(struct journal_file *f, const char *state_dir, const char *id);
void journal_file_close(struct journal_file *f);
void journal_file_event(struct journal_file *f, enum journal_type type, uint64_t value);
void journal_file_bytes(struct journal_file *f, enum journal_type stream, uint8_t flags,
                        const void *data, size_t len);
/* Retention: what is before goes, header first; the bytes become a hole, or zeros. */
void journal_file_drop(struct journal_file *f, uint64_t first_event, uint64_t first_offset);
