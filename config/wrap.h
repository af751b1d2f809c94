#pragma once
/* Words into lines, for --help and the example file. */
#include <stdio.h>

#define WRAP_WIDTH 80 /* columns of a terminal */

/* Writes text in lines of at most WRAP_WIDTH - 1 columns (a longer word stands alone), each begun
 * with `prefix` and ended with a newline. ASCII. */
void wrap_write(FILE *f, const char *prefix, const char *text);
