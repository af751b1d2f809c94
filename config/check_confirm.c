/* The section confirm: expressions that are none, and profiles that there aren't. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "config/check.h"
#include "config/profile.h"

static void check_expression(struct config_layers *l, const char *expression)
{
    int code;
    PCRE2_SIZE at;
    PCRE2_UCHAR words[128] = "";
    /* The same rules as where it is used (server/mcp/pattern.c). */
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)expression, PCRE2_ZERO_TERMINATED,
                                   PCRE2_UTF | PCRE2_MULTILINE | PCRE2_MATCH_INVALID_UTF |
                                       PCRE2_NEVER_BACKSLASH_C,
                                   &code, &at, NULL);
    pcre2_code_free(re);
    if (re)
        return;
    (void)pcre2_get_error_message(code, words, sizeof(words));
    report_key(&l->report, layers_origin(l, "confirm.commands"), config_key_get("confirm.commands"),
               "\"%s\" is not a regular expression: %s at character %zu", expression,
               (const char *)words, at + 1);
}

void check_confirm(struct config_layers *l)
{
    const struct config *c = l->config;
    for (size_t i = 0; i < c->confirm_commands.n; i++)
        check_expression(l, c->confirm_commands.v[i]);
    for (size_t i = 0; i < c->confirm_profiles.n; i++)
        if (!config_profile_find(c, c->confirm_profiles.v[i]) &&
            layers_is_good(l, "sandbox.profiles"))
            report_key(&l->report, layers_origin(l, "confirm.profiles"),
                       config_key_get("confirm.profiles"), "\"%s\" is none of sandbox.profiles",
                       c->confirm_profiles.v[i]);
}
