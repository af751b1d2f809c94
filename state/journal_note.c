#include "state/journal_note.h"

#include "state/base/json_text.h"

void journal_note_append(const struct journal_note *n, struct buf *to)
{
    json_text_member_str(to, "reason", n->reason);
    json_text_member_str(to, "message", n->message);
    json_text_member_str(to, "target", n->target);
    json_text_member_str(to, "configuration_key", n->configuration_key);
}

bool journal_note_write(const struct journal_note *n, struct buf *to)
{
    size_t before = to->len;

    buf_append_char(to, '{');
    journal_note_append(n, to);
    buf_append_char(to, '}');
    if (to->len - before <= JOURNAL_NOTE_MAX)
        return true;
    to->len = before;
    to->data[before] = '\0';
    return false;
}

struct journal_note journal_note_get(const cJSON *o)
{
    struct journal_note n = {0};

    (void)json_get_str(o, "reason", &n.reason);
    (void)json_get_str(o, "message", &n.message);
    (void)json_get_str(o, "target", &n.target);
    (void)json_get_str(o, "configuration_key", &n.configuration_key);
    return n;
}
