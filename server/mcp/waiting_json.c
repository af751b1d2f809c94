#include "server/mcp/waiting_json.h"

#include "server/mcp/output_json.h"
#include "server/mcp/text_shape.h"

/* The end of the output, as far as it is kept. */
static size_t read_tail(const char *state_dir, const char *id, char ret[PROMPT_MAX])
{
    CLEANUP(journal_closep) struct journal *j = NULL;
    if (journal_open(state_dir, id, &j) < 0)
        return 0;
    uint64_t end = journal_output_bytes(j), begin = journal_first_offset(j);
    if (end - begin > PROMPT_MAX)
        begin = end - PROMPT_MAX;
    size_t len = (size_t)(end - begin);
    return len > 0 && journal_read(j, begin, ret, len) == 0 ? len : 0;
}

static bool is_space(char c)
{
    return c == '\n' || c == '\r';
}

/* What is not blank of the last line. A CR within it goes back to its begin, as a terminal does. */
static void cut_last_line(struct buf *b)
{
    while (b->len > 0 && is_space(b->data[b->len - 1]))
        b->len--;
    for (size_t i = b->len; i > 0; i--)
        if (is_space(b->data[i - 1])) {
            buf_consume(b, i);
            break;
        }
}

static void drop_cut_character(char **data, size_t *len)
{
    for (int i = 0; i < 3 && *len > 0 && ((unsigned char)**data & 0xc0) == 0x80; i++) {
        (*data)++;
        (*len)--;
    }
}

static void read_prompt(const char *state_dir, const char *id, struct buf *ret)
{
    char tail[PROMPT_MAX], *data = tail;
    unsigned char state = 0;
    size_t len = read_tail(state_dir, id, tail);
    if (len == PROMPT_MAX)
        drop_cut_character(&data, &len);
    strip_ansi(ret, data, len, &state);
    cut_last_line(ret);
}

char *waiting_prompt(const char *state_dir, const char *id)
{
    struct buf b = {0}, text = {0};
    read_prompt(state_dir, id, &b);
    output_append_text(&text, b.data, b.len);
    buf_deinit(&b);
    return buf_steal(&text);
}

void waiting_add(cJSON *o, const struct execution_facts *f)
{
    const struct execution_view *v = &f->view;
    if (v->status != EXECUTION_RUNNING || !v->interactive)
        return;
    if (v->waiting == WAITING_UNKNOWN) {
        cJSON_AddNullToObject(o, "waiting_for_input");
        return;
    }
    cJSON_AddBoolToObject(o, "waiting_for_input", waiting_is_for_input(v->waiting));
    if (!waiting_is_for_input(v->waiting))
        return;
    CLEANUP(free_p) char *prompt = waiting_prompt(f->state_dir, v->id);
    cJSON_AddStringToObject(o, "prompt", prompt);
    cJSON_AddBoolToObject(o, "input_hidden", v->waiting == WAITING_SECRET);
}
