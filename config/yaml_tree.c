#include "config/yaml_tree.h"

#include <yaml.h>

struct reader {
    yaml_parser_t parser;
    const char *data; /* borrowed from the caller */
    size_t n_nodes;
    struct yaml_tree_error *error; /* borrowed from the caller */
};

PRINTF_LIKE(3, 4)
static bool refuse(struct reader *r, unsigned line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    r->error->line = line;
    (void)vsnprintf(r->error->text, sizeof(r->error->text), fmt, ap);
    va_end(ap);
    return false;
}

/* libyaml says where a character is wrong by its offset, where a token is by its line. */
static bool refuse_syntax(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR)
        abort();
    unsigned line = (unsigned)p->problem_mark.line + 1;
    if (p->error == YAML_READER_ERROR) {
        line = 1;
        for (size_t i = 0; i < p->problem_offset; i++)
            line += r->data[i] == '\n';
    }
    bool is_tab = strstr(p->problem, "cannot start any token") != NULL;
    return refuse(r, line, "not valid YAML: %s%s", p->problem,
                  is_tab ? " (a tab? indent with spaces; quote what begins with @ or `)" : "");
}

static bool next_event(struct reader *r, yaml_event_t *ret)
{
    if (!yaml_parser_parse(&r->parser, ret))
        return refuse_syntax(r);
    return true;
}

static unsigned line_of(const yaml_event_t *e)
{
    return (unsigned)e->start_mark.line + 1;
}

static bool check_event(struct reader *r, const yaml_event_t *e, unsigned depth)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (e->type == YAML_SCALAR_EVENT) {
        anchor = e->data.scalar.anchor;
        tag = e->data.scalar.tag;
    } else if (e->type == YAML_SEQUENCE_START_EVENT) {
        anchor = e->data.sequence_start.anchor;
        tag = e->data.sequence_start.tag;
    } else if (e->type == YAML_MAPPING_START_EVENT) {
        anchor = e->data.mapping_start.anchor;
        tag = e->data.mapping_start.tag;
    }
    if (anchor || e->type == YAML_ALIAS_EVENT)
        return refuse(r, line_of(e),
                      "anchors and aliases (& and *) are not allowed here; "
                      "repeat the value, or quote it");
    if (tag)
        return refuse(r, line_of(e),
                      "tags (!) are not allowed here; remove it, or quote the value");
    if (depth > YAML_TREE_MAX_DEPTH)
        return refuse(r, line_of(e), "nested deeper than %d levels", YAML_TREE_MAX_DEPTH);
    if (++r->n_nodes > YAML_TREE_MAX_NODES)
        return refuse(r, line_of(e), "more than %d values", YAML_TREE_MAX_NODES);
    return true;
}

static bool read_text(struct reader *r, const yaml_event_t *e, char **ret)
{
    const char *value = (const char *)e->data.scalar.value;
    size_t len = e->data.scalar.length;
    if (memchr(value, '\0', len))
        return refuse(r, line_of(e), "a value with a NUL character");
    *ret = mem_strndup(value, len);
    return true;
}

static bool is_null_scalar(const yaml_event_t *e)
{
    const char *value = (const char *)e->data.scalar.value;
    return e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (strcmp(value, "") == 0 || strcmp(value, "~") == 0 || strcmp(value, "null") == 0);
}

static struct yaml_tree *add_item(struct yaml_tree *t)
{
    /* Doubles at powers of two: a node is 56 bytes and there are at most YAML_TREE_MAX_NODES. */
    if ((t->n_items & (t->n_items - 1)) == 0)
        t->items = mem_resize(t->items, t->n_items ? t->n_items * 2 : 1, sizeof(*t->items));
    struct yaml_tree *item = &t->items[t->n_items++];
    memset(item, 0, sizeof(*item));
    return item;
}

static bool read_node(struct reader *r, const yaml_event_t *e, unsigned depth,
                      struct yaml_tree *node);

static bool read_list(struct reader *r, unsigned depth, struct yaml_tree *list)
{
    list->kind = YAML_TREE_LIST;
    for (;;) {
        CLEANUP(yaml_event_delete) yaml_event_t e = {0};
        if (!next_event(r, &e))
            return false;
        if (e.type == YAML_SEQUENCE_END_EVENT)
            return true;
        if (!read_node(r, &e, depth + 1, add_item(list)))
            return false;
    }
}

/* Something, and no control characters: messages repeat keys. */
static bool is_word(const yaml_event_t *e)
{
    const yaml_char_t *value = e->data.scalar.value;
    for (size_t i = 0; i < e->data.scalar.length; i++) {
        if (value[i] < 0x20 || value[i] == 0x7f)
            return false;
    }
    return e->data.scalar.length > 0;
}

static bool read_key(struct reader *r, const yaml_event_t *e, unsigned depth,
                     const struct yaml_tree *map, char **ret)
{
    if (!check_event(r, e, depth))
        return false;
    if (e->type != YAML_SCALAR_EVENT || !is_word(e))
        return refuse(r, line_of(e), "a key must be a word");
    CLEANUP(mem_free_p)
    char *key = mem_strndup((const char *)e->data.scalar.value, e->data.scalar.length);
    for (size_t i = 0; i < map->n_items; i++) {
        if (strcmp(map->items[i].key, key) == 0)
            return refuse(r, line_of(e), "key %.60s is there twice (first in line %u)", key,
                          map->items[i].line);
    }
    *ret = key;
    key = NULL;
    return true;
}

static bool read_map(struct reader *r, unsigned depth, struct yaml_tree *map)
{
    map->kind = YAML_TREE_MAP;
    for (;;) {
        CLEANUP(yaml_event_delete) yaml_event_t key_event = {0};
        CLEANUP(yaml_event_delete) yaml_event_t e = {0};
        CLEANUP(mem_free_p) char *key = NULL;
        if (!next_event(r, &key_event))
            return false;
        if (key_event.type == YAML_MAPPING_END_EVENT)
            return true;
        if (!read_key(r, &key_event, depth + 1, map, &key) || !next_event(r, &e))
            return false;
        struct yaml_tree *item = add_item(map);
        item->key = key;
        key = NULL;
        if (!read_node(r, &e, depth + 1, item))
            return false;
        item->line = line_of(&key_event); /* a block value begins below its key */
    }
}

static bool read_node(struct reader *r, const yaml_event_t *e, unsigned depth,
                      struct yaml_tree *node)
{
    if (!check_event(r, e, depth))
        return false;
    node->line = line_of(e);
    node->is_null = e->type == YAML_SCALAR_EVENT && is_null_scalar(e);
    if (e->type == YAML_SEQUENCE_START_EVENT)
        return read_list(r, depth, node);
    if (e->type == YAML_MAPPING_START_EVENT)
        return read_map(r, depth, node);
    node->kind = YAML_TREE_SCALAR;
    return read_text(r, e, &node->text);
}

/* Stream start, at most one document, stream end. */
static bool read_stream(struct reader *r, struct yaml_tree *root)
{
    bool has_document = false;
    for (;;) {
        CLEANUP(yaml_event_delete) yaml_event_t e = {0};
        if (!next_event(r, &e))
            return false;
        if (e.type == YAML_STREAM_END_EVENT)
            return true;
        if (e.type == YAML_STREAM_START_EVENT || e.type == YAML_DOCUMENT_END_EVENT)
            continue;
        if (e.type == YAML_DOCUMENT_START_EVENT) {
            if (has_document)
                return refuse(r, line_of(&e), "a second document (---); one is allowed");
            has_document = true;
            continue;
        }
        if (!read_node(r, &e, 1, root))
            return false;
    }
}

bool yaml_tree_parse(const char *data, size_t len, struct yaml_tree *ret,
                     struct yaml_tree_error *ret_error)
{
    struct reader r = {.data = data, .error = ret_error};
    if (len > YAML_TREE_MAX_BYTES)
        return refuse(&r, 0, "larger than %lu KiB", YAML_TREE_MAX_BYTES / 1024);
    if (!yaml_parser_initialize(&r.parser))
        abort();
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)data, len);
    struct yaml_tree root = {.kind = YAML_TREE_SCALAR, .line = 1, .is_null = true};
    bool is_read = read_stream(&r, &root);
    yaml_parser_delete(&r.parser);
    if (!is_read) {
        yaml_tree_deinit(&root);
        return false;
    }
    *ret = root;
    return true;
}

/* Depth is at most YAML_TREE_MAX_DEPTH, so recursion is bounded. */
void yaml_tree_deinit(struct yaml_tree *t)
{
    for (size_t i = 0; i < t->n_items; i++)
        yaml_tree_deinit(&t->items[i]);
    free(t->items);
    free(t->key);
    free(t->text);
    memset(t, 0, sizeof(*t));
}
