#pragma once
/*
 * The one table of configuration keys. It drives the defaults, the YAML file, the environment, the
 * flags, the bounds, --help, --print-config, config/mcp-execd.yaml and docs/configuration.md.
 * Constant data; any thread.
 */
#include "config/config.h"
#include "config/mem.h"

enum config_type {
    CONFIG_T_STRING,
    CONFIG_T_SECRET, /* a string shown as "***" */
    CONFIG_T_URL,    /* a string whose user and password are shown as *** */
    CONFIG_T_BOOL,
    CONFIG_T_UNSIGNED,
    CONFIG_T_PORT,
    CONFIG_T_SIZE,     /* bytes */
    CONFIG_T_DURATION, /* milliseconds */
    CONFIG_T_ENUM,     /* one of `choices` */
    CONFIG_T_LIST,     /* struct config_strings */
    CONFIG_T_RUNTIMES, /* config.runtimes and config.n_runtimes */
    CONFIG_T_PROFILES  /* config.profiles and config.n_profiles */
};

struct config_choice {
    const char *name; /* NULL ends the array */
    int value;
};

struct config_key {
    const char *path; /* section.name in the file */
    enum config_type type;
    size_t offset, width; /* of the field in struct config, bytes */
    const char *preset;   /* the default as it would stand in the file; NULL: none */
    const char *absent;   /* preset NULL: what no value means */
    bool can_be_empty;    /* preset not NULL: "" is a value of its own */
    uint64_t min, max;    /* numbers, in the field's unit */
    const struct config_choice *choices;
    const char *variable; /* of the environment; NULL: none */
    const char *flag;     /* long flag without its dashes; NULL: none but --set */
    char letter;          /* short flag; 0: none */
    const char *metavar;  /* what the flag takes, for --help; NULL: by type */
    const char *help;     /* one line, no full stop */
    const char *more;     /* sentences for the example file and the reference; NULL: none */
};

struct config_section {
    const char *name;  /* of the file */
    const char *title; /* one line, no full stop */
};

extern const struct config_key config_keys[];
extern const size_t config_n_keys;
extern const struct config_section config_sections[];
extern const size_t config_n_sections;

/* A flag that is no key. */
struct config_command {
    const char *flag;
    char letter;
    const char *metavar; /* NULL: takes no value */
    const char *help;
};
extern const struct config_command config_commands[];
extern const size_t config_n_commands;

/* The key of this path; NULL when there is none. */
const struct config_key *config_key_find(const char *path);
/* The same, where there must be one. */
const struct config_key *config_key_get(const char *path);
size_t config_key_index(const struct config_key *k);
bool config_key_is_in(const struct config_key *k, const struct config_section *s);
const char *config_key_name(const struct config_key *k); /* the path without its section */
/* "a size", for messages. */
const char *config_type_name(enum config_type type);

/* The known path (a key or a section) or flag nearest to a misspelt one; NULL when none is near. */
const char *config_key_nearest(const char *path);
const char *config_flag_nearest(const char *flag);
