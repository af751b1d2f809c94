#pragma once
/*
 * The layers of a configuration, applied one over the other: defaults, file, environment, flags.
 * Remembers where each value came from and reports every value that is refused; a refused one
 * leaves the layer below in force. One thread.
 */
#include "config/config.h"
#include "config/flags.h"
#include "config/report.h"
#include "config/schema.h"
#include "config/yaml_tree.h"

struct config_layers {
    struct config *config;                 /* owned; layers_steal() */
    struct config_origin *origins;         /* owned; one for each key of the table */
    struct config_origin *runtime_origins; /* owned; one for each of config->runtimes */
    struct config_origin *profile_origins; /* owned; the last change of each of config->profiles */
    char *file_name;                       /* owned; what origins of the file point at */
    struct config_report report;
};

/* With the defaults in force. Errors go to `errors`, borrowed. */
void layers_init(struct config_layers *l, FILE *errors);
void layers_deinit(struct config_layers *l);
/* The configuration as others see it; the caller's. */
struct config *layers_steal(struct config_layers *l);

/* Reads a file. A missing one is an error only when it is_asked_for. */
void layers_read_file(struct config_layers *l, const char *name, bool is_asked_for);
/* The same from memory. Once for a layers object. */
void layers_read_text(struct config_layers *l, const char *name, const char *data, size_t len);
/* NULL-terminated NAME=VALUE. An empty variable counts as unset, except where "" is a value. */
void layers_read_environment(struct config_layers *l, char *const *environ_);
/* The value of a variable; NULL when it is unset. */
const char *layers_find_variable(char *const *environ_, const char *name);
void layers_read_flags(struct config_layers *l, const struct config_flags *flags);

/* What one key says and where that comes from. */
const struct config_origin *layers_origin(const struct config_layers *l, const char *path);
/* No value of the key was refused. */
bool layers_is_good(const struct config_layers *l, const char *path);

/* Between layers.c and layers_profile.c. */
void layers_refuse(struct config_layers *l, const struct config_key *k, const char *path,
                   const char *shown, const struct config_origin *o,
                   const struct config_problem *p);
void layers_keep_origin(struct config_layers *l, const struct config_key *k,
                        const struct config_origin *o);
/* How a message calls a YAML value; the caller's. */
char *layers_show_node(const struct config_key *k, const struct yaml_tree *node);
/* All of sandbox.profiles, or with a path sandbox.profiles.<name>[.<field>] that of it. */
void layers_apply_profiles(struct config_layers *l, const char *path, const struct yaml_tree *node,
                           const struct config_origin *o);
