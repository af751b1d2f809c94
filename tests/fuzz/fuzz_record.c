/*
 * What Redis may hold, of any bytes: a record or an event is refused, or read; and what is read is
 * sound, and writes a text that reads as the same again.
 */
#include <stddef.h>
#include <stdint.h>

#include "state/base/id.h"
#include "state/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_true)
{
    if (!is_true)
        abort();
}

static void try_record(const char *text, size_t len)
{
    CLEANUP(buf_deinit) struct buf once = {0};
    CLEANUP(buf_deinit) struct buf twice = {0};
    struct record r, again;
    if (!record_read(text, len, &r))
        return;
    check(id_is_valid(r.id) && id_has_replica(r.id, r.replica) && r.principal && r.command);
    check(!r.session_id || id_is_valid(r.session_id));
    check(execution_status_is_final(r.status) == r.has_exit);
    record_write(&r, &once);
    check(record_read(once.data, once.len, &again));
    record_write(&again, &twice);
    check(strcmp(once.data, twice.data) == 0);
    record_deinit(&r);
    record_deinit(&again);
}

static void try_event(const char *text, size_t len)
{
    CLEANUP(buf_deinit) struct buf bytes = {0};
    CLEANUP(buf_deinit) struct buf bytes_again = {0};
    CLEANUP(buf_deinit) struct buf once = {0};
    struct record_event e, again;
    if (!record_event_read(text, len, &bytes, &e))
        return;
    check(e.record.length <= JOURNAL_RECORD_MAX && e.record.type >= JOURNAL_READY &&
          e.record.type <= JOURNAL_TYPE_MAX);
    record_event_write(&e, NULL, &once);
    check(record_event_read(once.data, once.len, &bytes_again, &again));
    check(again.number == e.number && again.record.length == e.record.length &&
          again.record.time_us == e.record.time_us && again.record.value == e.record.value &&
          again.record.note_bytes == e.record.note_bytes &&
          memcmp(again.data, e.data, e.record.length + e.record.note_bytes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_record((const char *)data, size);
    try_event((const char *)data, size);
    return 0;
}
