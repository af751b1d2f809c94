#pragma once
/* --help and --version. */
#include <stdio.h>

void help_write(FILE *f);
void help_write_version(FILE *f);
