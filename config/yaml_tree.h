#pragma once
/*
 * A YAML document as a tree whose nodes know their line. Bounded in size, depth and nodes; what a
 * configuration has no use for and an attacker has (anchors, aliases, tags, several documents,
 * duplicate keys) is refused. Pure: memory in, tree out.
 */
#include <stdbool.h>
#include <stddef.h>

#include "config/mem.h"

#define YAML_TREE_MAX_BYTES (1024ul * 1024)
#define YAML_TREE_MAX_DEPTH 16
#define YAML_TREE_MAX_NODES 4096

enum yaml_tree_kind { YAML_TREE_SCALAR, YAML_TREE_LIST, YAML_TREE_MAP };

/* One node; the root is one as well. */
struct yaml_tree {
    enum yaml_tree_kind kind;
    unsigned line;           /* from 1 */
    bool is_null;            /* scalar: nothing, ~ or null, unquoted */
    char *key;               /* owned; NULL unless it is in a map */
    char *text;              /* owned; scalar: UTF-8 without NUL */
    struct yaml_tree *items; /* owned; list and map */
    size_t n_items;
};

struct yaml_tree_error {
    unsigned line; /* 0: of the whole */
    char text[200];
};

/* Parses data into *ret, which yaml_tree_deinit() ends. An empty document is a null scalar. false:
 * not acceptable, *ret_error says why and *ret is untouched. */
MUST_USE bool yaml_tree_parse(const char *data, size_t len, struct yaml_tree *ret,
                              struct yaml_tree_error *ret_error);
/* A zeroed tree is legal. */
void yaml_tree_deinit(struct yaml_tree *t);
