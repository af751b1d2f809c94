#pragma once
/* The environment of a command: what the operator lets it inherit, then what the call names. */
#include "config/config.h"
#include "state/base/json.h"

#define ENVIRONMENT_MAX_BYTES 65536u /* of a call: names and values, with '=' and NUL */

struct environment_options {
    const struct config_strings *names; /* borrowed; of variables that are inherited */
    const cJSON *map;         /* borrowed; checked to be an object of strings; NULL: none */
    const char *home;         /* borrowed; HOME, unless it is inherited or in the map */
    const char *proxy_secret; /* borrowed; NULL: no egress proxy is there */
    bool has_terminal;        /* a pty: TERM is needed */
};

/* *ret_env: a malloc'd NULL-terminated array. NULL, or a malloc'd error for the client (*ret_env is
 * set then too, and not to be used). */
MUST_USE char *environment_make(const struct environment_options *o, char ***ret_env);
