/* What is asked of the key table. */
#include <assert.h>
#include <string.h>

#include "config/nearest.h"
#include "config/schema.h"

const struct config_key *config_key_find(const char *path)
{
    for (size_t i = 0; i < config_n_keys; i++) {
        if (strcmp(config_keys[i].path, path) == 0)
            return &config_keys[i];
    }
    return NULL;
}

const struct config_key *config_key_get(const char *path)
{
    const struct config_key *k = config_key_find(path);
    assert(k);
    return k;
}

size_t config_key_index(const struct config_key *k)
{
    return (size_t)(k - config_keys);
}

bool config_key_is_in(const struct config_key *k, const struct config_section *s)
{
    size_t len = strlen(s->name);
    return strncmp(k->path, s->name, len) == 0 && k->path[len] == '.';
}

const char *config_key_name(const struct config_key *k)
{
    return strchr(k->path, '.') + 1;
}

const char *config_type_name(enum config_type type)
{
    switch (type) {
    case CONFIG_T_STRING:
    case CONFIG_T_SECRET:
        return "a string";
    case CONFIG_T_URL:
        return "a URL";
    case CONFIG_T_BOOL:
        return "true or false";
    case CONFIG_T_UNSIGNED:
        return "a number";
    case CONFIG_T_PORT:
        return "a port number";
    case CONFIG_T_SIZE:
        return "a size";
    case CONFIG_T_DURATION:
        return "a duration";
    case CONFIG_T_ENUM:
        return "a word";
    case CONFIG_T_LIST:
        return "a list";
    case CONFIG_T_RUNTIMES:
        return "a mapping of languages to lists";
    case CONFIG_T_PROFILES:
        return "a mapping of names to fields";
    }
    abort();
}

const char *config_key_nearest(const char *path)
{
    const char *dot = strrchr(path, '.');
    const char *name = dot ? dot + 1 : path;
    size_t section_len = dot ? (size_t)(dot + 1 - path) : 0;
    struct nearest n = {0};
    const char *best = NULL;
    for (size_t i = 0; i < config_n_sections && !dot; i++) {
        if (nearest_offer(&n, path, config_sections[i].name))
            best = config_sections[i].name;
    }
    for (size_t i = 0; i < config_n_keys; i++) {
        const struct config_key *k = &config_keys[i];
        if (strcmp(name, config_key_name(k)) == 0)
            return k->path; /* the right name in the wrong section */
        if (dot && strncmp(path, k->path, section_len) == 0 &&
            nearest_offer(&n, name, config_key_name(k)))
            best = k->path;
    }
    return best;
}

const char *config_flag_nearest(const char *flag)
{
    struct nearest n = {0};
    for (size_t i = 0; i < config_n_keys; i++) {
        if (config_keys[i].flag)
            (void)nearest_offer(&n, flag, config_keys[i].flag);
    }
    for (size_t i = 0; i < config_n_commands; i++)
        (void)nearest_offer(&n, flag, config_commands[i].flag);
    return n.word;
}
