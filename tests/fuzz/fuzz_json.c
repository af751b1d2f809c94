/* The body of a request: whatever json_scan() accepts, cJSON must read, print and read again, and
 * json_top_member() must find the tokens of its members. */
#include <string.h>

#include "state/base/json.h"
#include "state/base/json_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void check_member(const char *text, size_t size, const cJSON *member)
{
    struct json_span span = json_top_member(text, size, member->string);
    CLEANUP(json_deletep) cJSON *v = NULL;
    size_t at;

    must(span.len > 0 && span.offset + span.len <= size);
    must(json_parse(text + span.offset, span.len, &v, &at) == JSON_OK);
    /* Printed, since cJSON_Compare() says that an infinity differs from itself. */
    CLEANUP(free_p) char *one = json_print(v);
    CLEANUP(free_p) char *other = json_print(member);
    must(strcmp(one, other) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    CLEANUP(json_deletep) cJSON *v = NULL;
    CLEANUP(json_deletep) cJSON *again = NULL;
    size_t at = SIZE_MAX;

    enum json_error scanned = json_scan(text, size, &at);
    if (scanned)
        must(at <= size && *json_error_name(scanned) != '\0');
    must(json_parse(text, size, &v, &at) == scanned);
    if (scanned)
        return 0;

    CLEANUP(free_p) char *printed = json_print(v);
    must(json_parse(printed, strlen(printed), &again, &at) == JSON_OK);
    const cJSON *member;
    int n = 0;
    cJSON_ArrayForEach(member, v)
    {
        /* Each look-up walks over the text: enough of them to see. */
        if (cJSON_IsObject(v) && n++ < 16)
            check_member(text, size, member);
    }
    return 0;
}
