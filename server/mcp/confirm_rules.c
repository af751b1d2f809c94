#include "server/mcp/confirm_rules.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "server/mcp/pattern.h"
#include "state/base/buf.h"

/* Expressions are compiled for each call: they have scratch memory, and calls run on many threads.
 * A dozen costs some tens of microseconds. */
static bool matches(const char *expression, const char *command)
{
    CLEANUP(free_p) char *error = NULL;
    CLEANUP(pattern_freep) struct pattern *p = pattern_new(expression, &error);
    size_t len = strlen(command);

    /* The configuration has been checked; if it is wrong after all, better ask. */
    return !p || len > PATTERN_TEXT_MAX || pattern_match(p, command, len, true) != PATTERN_NO;
}

static char *of_commands(const struct config_strings *expressions, const char *command)
{
    struct buf b = {0};

    for (size_t i = 0; i < expressions->n; i++) {
        if (!matches(expressions->v[i], command))
            continue;
        buf_printf(&b, "confirm.commands \"%s\"", expressions->v[i]);
        return buf_steal(&b);
    }
    return NULL;
}

static char *of_profiles(const struct config_strings *profiles, const struct exec_spec *spec)
{
    const char *profile = spec->sandbox ? spec->sandbox->profile : "none";
    struct buf b = {0};

    for (size_t i = 0; i < profiles->n; i++) {
        if (strcmp(profiles->v[i], profile) != 0)
            continue;
        buf_printf(&b, "confirm.profiles \"%s\"", profile);
        return buf_steal(&b);
    }
    return NULL;
}

char *confirm_rule_find(const struct config *c, const struct exec_spec *spec)
{
    struct buf b = {0};
    char *rule = of_commands(&c->confirm_commands, spec->command);

    if (!rule)
        rule = of_profiles(&c->confirm_profiles, spec);
    if (!rule && c->confirm_longer_bytes && strlen(spec->command) > c->confirm_longer_bytes) {
        buf_printf(&b, "confirm.longer_than %zu bytes", c->confirm_longer_bytes);
        rule = buf_steal(&b);
    }
    return rule;
}
