#pragma once
/*
 * The revisions of the protocol, one row each: what a revision knows, and how its results are
 * decorated. Everything else asks the row and never compares names. Constant; any thread.
 */
#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

/* How long and by whom a result may be kept (2026-07-28, caching hints). */
enum mcp_cache {
    MCP_CACHE_NONE,    /* the result carries no hint */
    MCP_CACHE_PUBLIC,  /* the same for everybody, an hour */
    MCP_CACHE_PRIVATE, /* this caller's, not to be kept */
};

/* What the server says of itself, in every revision's words. Strings are borrowed. */
struct mcp_identity {
    const char *name, *title, *version;
    char *instructions; /* owned; NULL: none */
    bool tools_list_changed, prompts_list_changed, resources_list_changed;
    bool resources_come_and_go;  /* told to those that listen for it */
    bool has_tasks;              /* a pack has */
    bool has_experimental_tasks; /* … and they are shown to 2025-11-25 as well */
};

struct mcp_revision {
    const char *name;
    bool is_modern; /* an envelope in every request; no handshake, no session, no asking back */
    bool is_listed; /* named in supportedVersions */
    bool has_batch;
    bool has_annotations; /* of tools */
    bool has_completions; /* as a capability */
    bool has_progress_message;
    bool has_title;      /* and _meta of descriptors */
    bool has_structured; /* structuredContent, outputSchema */
    bool has_resource_link;
    bool has_elicitation;
    bool has_icons;
    bool has_param_headers; /* x-mcp-header */
    bool has_experimental_tasks;
    int no_resource_code; /* JSON-RPC error of an unknown resource */
    /* The result of the request a client begins with: initialize or server/discover. */
    cJSON *(*hello)(const struct mcp_revision *rev, const struct mcp_identity *who);
    /* Adds what every result of the revision carries; NULL: nothing. */
    void (*decorate)(const struct mcp_identity *who, cJSON *result, enum mcp_cache cache);
};

#define MCP_REVISION_COUNT 6
extern const struct mcp_revision mcp_revisions[MCP_REVISION_COUNT]; /* oldest first */

/* NULL: not served. */
const struct mcp_revision *revision_find(const char *name);
/* What an `initialize` that asks for `wanted` (may be NULL) is answered with. */
const struct mcp_revision *revision_negotiate(const char *wanted);
const struct mcp_revision *revision_oldest(void);
/* The newest of the modern ones. */
const struct mcp_revision *revision_newest(void);
/* Array of the names that are listed, newest first. */
cJSON *revision_names(void);
/* Are there tasks for clients of this revision? */
bool revision_has_tasks(const struct mcp_revision *rev, const struct mcp_identity *who);
/* Takes from a Tool, Prompt, Resource or ResourceTemplate what the revision does not know. */
void revision_strip(const struct mcp_revision *rev, cJSON *descriptor);
