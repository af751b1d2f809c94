/* What Redis may hold of a session, of any bytes: refused, or read, and then sound. */
#include <stddef.h>
#include <stdint.h>

#include "state/session_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char id[] = "r1-abcdefghijklmnopqrstuvwxyz";
    struct session_record r;
    if (!session_record_read((const char *)data, size, id, &r))
        return 0;
    if (!r.has_ended && (!r.facts.principal || !r.facts.revision || strcmp(r.facts.id, id) != 0 ||
                         r.facts.log_level < 0 || r.facts.log_level > SESSION_LEVEL_UNSET))
        abort();
    session_record_deinit(&r);
    return 0;
}
