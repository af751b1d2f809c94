/* A packet from the socket: whatever is taken for a message comes back the same when it is sent. */
#include <errno.h>
#include <string.h>

#include "exec/keeper_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_deinit) struct buf again = {0};
    struct keeper_message m;
    int r = keeper_message_decode(data, size, &m);

    must(r == 0 || r == -EBADMSG);
    if (r < 0)
        return 0;
    must(keeper_message_encode(&m, &again) == 0);
    must(again.len == size && memcmp(again.data, data, size) == 0);
    keeper_message_deinit(&m);
    return 0;
}
