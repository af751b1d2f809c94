#pragma once
/* What a file is, by its first bytes, then by its name. Pure. */
#include <stdbool.h>
#include <stddef.h>

#define FILE_TYPE_BYTES 8192 /* so many of the begin are enough */

/* A media type, constant. is_text: what it holds was found to be UTF-8 without NUL. */
const char *file_type(const char *name, const void *begin, size_t len, bool is_text);
/* An image that clients can show: PNG, JPEG, GIF or WebP. NULL: none. */
const char *file_image_type(const void *begin, size_t len);
bool file_is_text(const void *data, size_t len);
