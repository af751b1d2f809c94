#pragma once
/*
 * Members of JSON objects by table. One row says a member's name, type, bounds and words; the
 * schema that a client sees and the check of what it sends both come from it, so that they can't
 * drift. Results are described by the same rows. Tables are constant; any thread.
 */
#include "config/config.h"
#include "state/base/json.h"

enum arg_type {
    ARG_STRING = 1,
    ARG_BOOLEAN,
    ARG_INTEGER,
    ARG_NUMBER,
    ARG_STRINGS,    /* an array of strings */
    ARG_STRING_MAP, /* an object whose values are strings */
    ARG_OBJECT,     /* of members */
    ARG_OBJECTS     /* an array of objects of members */
};

#define ARG_REQUIRED  0x1u
#define ARG_NULLABLE  0x2u /* results: may be null */
#define ARG_ABOVE_MIN 0x4u /* numbers: min itself is too little */

struct arg_set;

struct arg {
    const char *name;
    enum arg_type type;
    unsigned flags;
    const char *description; /* results: NULL where the name says it all */
    /* Numbers: bounds. Strings: bytes, and in the schema characters, which are never more.
     * Arguments that are numbers have both bounds. */
    double min, max;
    double (*max_of)(const struct config *c); /* instead of max: the operator's bound … */
    const char *max_key;                      /* … and the configuration key that sets it */
    const char *const *values;                /* strings: the only ones; NULL at the end */
    /* Strings of a certain form: check, the same as a regular expression, and in words. */
    bool (*is_valid)(const char *s);
    const char *pattern, *form;
    const char *default_json;
    double (*default_of)(const struct config *c); /* numbers: instead, what the operator set */
    /* With server.execution_id_header clients repeat it in Mcp-Param-<this>, for load balancers. */
    const char *header;
    const struct arg_set *members;
};

struct arg_set {
    const struct arg *args;
    size_t n;
    bool takes_camel_case; /* max_memory_mb may be written maxMemoryMb */
    bool is_open;          /* results: more members may come in later versions */
};

/* Checks an object: known names, presence, types, bounds. null stands for an absent optional
 * argument. NULL: it is as the table says; else a malloc'd text that names the argument, what came
 * and what would be right. */
MUST_USE char *arguments_check(const struct arg_set *set, const struct config *c, const cJSON *o);
/* The member in either spelling; NULL when absent or null. */
const cJSON *arguments_get(const struct arg_set *set, const cJSON *o, const char *name);
/* The JSON Schema of the set; malloc'd by cJSON. */
cJSON *arguments_schema(const struct arg_set *set, const struct config *c);

/* The row's upper bound in force. */
double arg_max(const struct arg *a, const struct config *c);
/* memory_mb -> memoryMb; false: there is nothing to change, or it doesn't fit. */
#define ARG_NAME_MAX 64
bool arg_camel_case(const char *name, char ret[ARG_NAME_MAX]);
/* For rows: nothing but printable ASCII without blanks. */
bool arg_is_visible_ascii(const char *s);
#define ARG_VISIBLE_ASCII_PATTERN "^[!-~]+$"
/* Values of arguments that were checked, or what holds when they are absent. */
bool arg_bool(const cJSON *o, const char *name, bool otherwise);
const char *arg_str(const cJSON *o, const char *name); /* NULL: absent */
double arg_number(const cJSON *o, const char *name, double otherwise);
