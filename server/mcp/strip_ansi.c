#include "server/mcp/text_shape.h"

/*
 * ECMA-48 (section 5.3-5.6): ESC begins a sequence. With '[' it is a control sequence of parameters
 * and intermediates (0x20-0x3f) up to a final byte (0x40-0x7e); with ']', 'P', 'X', '^' or '_' a
 * string up to ST (ESC \) or, as xterm has it, BEL; else intermediates (0x20-0x2f) and one final
 * byte. CAN and SUB end any of them, and so does a newline: a broken one must not eat the output.
 */
enum ansi_state { TEXT = 0, ESCAPE, CONTROL, STRING, STRING_ESCAPE };

static enum ansi_state after_escape(unsigned char c)
{
    if (c == '[')
        return CONTROL;
    if (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_')
        return STRING;
    return c >= 0x20 && c <= 0x2f ? ESCAPE : TEXT;
}

/* The state after c, which belongs to the sequence. */
static enum ansi_state next_state(enum ansi_state s, unsigned char c)
{
    if (c == 0x18 || c == 0x1a)
        return TEXT;
    switch (s) {
    case TEXT:
    case ESCAPE:
        return after_escape(c);
    case CONTROL:
        return c >= 0x40 && c <= 0x7e ? TEXT : CONTROL;
    case STRING:
        return c == 0x07 ? TEXT : c == 0x1b ? STRING_ESCAPE : STRING;
    case STRING_ESCAPE:
        return c == '\\' ? TEXT : STRING;
    }
    return TEXT;
}

void strip_ansi(struct buf *out, const char *data, size_t len, unsigned char *state)
{
    enum ansi_state s = *state;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)data[i];
        if (c == '\n')
            s = TEXT;
        if (s != TEXT)
            s = next_state(s, c);
        else if (c == 0x1b)
            s = ESCAPE;
        else if (!(c == '\r' && i + 1 < len && data[i + 1] == '\n'))
            buf_append_char(out, (char)c);
    }
    *state = (unsigned char)s;
}
