/* Writes what is generated from the table of keys; `make config-docs` runs it. */
#include <stdio.h>
#include <string.h>

#include "config/document.h"

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "example") == 0) {
        document_write_example(stdout);
    } else if (argc == 2 && strcmp(argv[1], "reference") == 0) {
        document_write_reference(stdout);
    } else {
        (void)fputs("usage: config-docs example|reference\n", stderr);
        return 2;
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
