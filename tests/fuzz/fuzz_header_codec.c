/* Header values of 2026-07-28: whatever is decoded is text, and says what its plain form says. */
#include <stdint.h>
#include <string.h>

#include "server/mcp/header_codec.h"
#include "state/base/json.h"
#include "state/base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(free_p)
    char *value = xcalloc(1, size + 1); /* a field has no NUL: what follows one is cut */
    CLEANUP(free_p) char *text = NULL;
    CLEANUP(json_deletep) cJSON *number = cJSON_CreateNumber(42);
    CLEANUP(json_deletep) cJSON *flag = cJSON_CreateTrue();
    size_t len = 0;
    memcpy(value, data, size);
    enum header_outcome outcome = header_decode(value, &text, &len);

    if (outcome == HEADER_OK) {
        assert(utf8_is_valid(text, len) && text[len] == '\0');
        assert(header_is_string(value, text) == (strlen(text) == len));
    } else {
        assert(!text && !header_is_string(value, value));
    }
    assert(!(header_is_json(value, number) && header_is_json(value, flag)));
    return 0;
}
