/*
 * A configuration file of any bytes: is read or refused, and what is read can be printed, and what
 * is printed is read again and prints the same.
 */
#include <stddef.h>
#include <stdint.h>

#include "config/layers.h"
#include "config/print.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What --print-config says of this file, or NULL when it is refused. */
static char *print(const char *data, size_t len)
{
    CLEANUP(mem_free_p) char *errors = NULL;
    size_t errors_len, text_len;
    CLEANUP(mem_close_p) FILE *f = mem_stream(&errors, &errors_len);
    CLEANUP(layers_deinit) struct config_layers l;
    layers_init(&l, f);
    layers_read_text(&l, "fuzz.yaml", data, len);
    if (l.report.n_errors > 0)
        return NULL;
    char *text = NULL;
    FILE *out = mem_stream(&text, &text_len);
    print_layers(out, &l);
    if (fclose(out) != 0)
        abort();
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(mem_free_p) char *once = print((const char *)data, size);
    if (!once)
        return 0;
    CLEANUP(mem_free_p) char *twice = print(once, strlen(once));
    if (!twice)
        abort();
    /* Places change from the input's lines to those of the print; a second round holds still. */
    CLEANUP(mem_free_p) char *thrice = print(twice, strlen(twice));
    if (!thrice || strcmp(twice, thrice) != 0)
        abort();
    return 0;
}
