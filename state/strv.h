#pragma once
/* NULL-terminated arrays of strings, and in JSON. Any thread. */
#include <stdbool.h>

#include "state/base/buf.h"
#include "state/base/json.h"

void strv_free(char **v); /* NULL is legal */
void strv_freep(char ***v);
bool strv_is_utf8(char *const *v); /* else JSON could not give it back as it was */
char **strv_copy(char *const *v);  /* NULL is an empty one */
/* A member that is an array. */
void strv_append_json(struct buf *b, const char *key, char *const *v);
/* NULL: not an array of strings. */
char **strv_decode_json(const cJSON *a);
