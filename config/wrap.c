#include "config/wrap.h"

#include <string.h>

void wrap_write(FILE *f, const char *prefix, const char *text)
{
    size_t column = 0;
    while (*text) {
        size_t len = strcspn(text, " ");
        if (column > 0 && column + 1 + len >= WRAP_WIDTH) {
            (void)fputc('\n', f);
            column = 0;
        }
        (void)fputs(column == 0 ? prefix : " ", f);
        (void)fwrite(text, 1, len, f);
        column += (column == 0 ? strlen(prefix) : 1) + len;
        text += len;
        text += strspn(text, " ");
    }
    (void)fputc('\n', f);
}
