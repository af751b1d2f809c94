#pragma once
/*
 * What the packs registered, looked up by name, and the answers that never change: each list and
 * each greeting is built once per revision and handed out as text. Immutable after registry_new();
 * any thread.
 */
#include "server/mcp/pack.h"
#include "server/mcp/revision.h"

/* An argument that 2026-07-28 clients repeat in a header. */
struct registry_param {
    char *argument; /* owned */
    char *header;   /* owned: lower case, "mcp-param-…" */
};

struct registry_tool {
    const struct mcp_tool *tool; /* borrowed */
    void *pack_arg;              /* borrowed */
    struct registry_param *params;
    size_t n_params;
};

struct registry_prompt {
    const struct mcp_prompt *prompt; /* borrowed */
    void *pack_arg;                  /* borrowed */
    cJSON *descriptor;               /* owned */
};

enum registry_text {
    REGISTRY_HELLO, /* result of initialize or server/discover */
    REGISTRY_TOOLS,
    REGISTRY_PROMPTS,
    REGISTRY_TEMPLATES,
    REGISTRY_TEXTS
};

struct registry;

/* The packs are borrowed and outlive it; who is copied shallowly, its instructions are made here.
 * Two tools or prompts of one name, or a descriptor that breaks the rules, are our mistake and
 * abort.
 */
struct registry *registry_new(const struct mcp_pack *const *packs, size_t n_packs,
                              const struct mcp_identity *who);
struct registry *registry_free(struct registry *r);

const struct mcp_identity *registry_identity(const struct registry *r);
/* A result object as JSON text. */
const char *registry_text(const struct registry *r, const struct mcp_revision *rev,
                          enum registry_text which);
/* NULL: unknown. */
const struct registry_tool *registry_tool(const struct registry *r, const char *name);
const struct registry_prompt *registry_prompt(const struct registry *r, const char *name);
/* The pack that has tasks; NULL: none. */
const struct mcp_pack *registry_task_pack(const struct registry *r);
/* The packs in order; NULL behind the last. */
const struct mcp_pack *registry_pack(const struct registry *r, size_t i);
