#pragma once
/* What is in force, as a file that says the same again. */
#include "config/layers.h"

/* Each value with where it came from as a comment; secrets masked. */
void print_layers(FILE *f, const struct config_layers *l);
