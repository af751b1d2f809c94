#include "exec/keeper/input.h"

#include <errno.h>
#include <string.h>

#include <sys/epoll.h>

#include "exec/keeper/codec.h"
#include "exec/keeper/hash.h"
#include "exec/keeper/pty.h"
#include "state/base/fd.h"

static bool is_known(const struct input *in, uint64_t id)
{
    for (size_t i = 0; i < INPUT_IDS_MAX; i++)
        if (in->ids[i] == id)
            return true;
    return false;
}

static void close_input(struct input *in)
{
    source_close(in->loop, &in->source);
    buf_deinit(&in->queue);
}

/* A terminal has no end; its line discipline makes one of VEOF at the begin of a line. In the
 * middle of a line the first one only hands on what was typed so far. */
static void queue_pty_eof(struct input *in)
{
    char eof = pty_eof_char(in->source.fd);
    if (!in->is_line_begin)
        buf_append_char(&in->queue, eof);
    buf_append_char(&in->queue, eof);
}

static void write_queue(struct input *in)
{
    size_t done = 0;
    if (in->is_pending)
        return;
    while (done < in->queue.len) {
        ssize_t n = write(in->source.fd, in->queue.data + done, in->queue.len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN)
            return close_input(in); /* EPIPE: nobody reads it any more */
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    buf_consume(&in->queue, done);
    if (in->queue.len == 0 && in->is_eof)
        return close_input(in);
    /* Watched for errors in any case: the command may close its end. */
    source_set_events(in->loop, &in->source, in->queue.len > 0 ? EPOLLOUT : 0);
}

static void on_writable(struct source *s, uint32_t events)
{
    struct input *in = CONTAINER_OF(s, struct input, source);
    if (events & (EPOLLERR | EPOLLHUP))
        close_input(in);
    else
        write_queue(in);
}

void input_init(struct input *in, int fd, bool is_pty, uint64_t max_bytes)
{
    *in = (struct input){
        .source.fd = fd,
        .max_bytes = max_bytes ? max_bytes : INPUT_DEFAULT_MAX,
        .is_pty = is_pty,
        .is_line_begin = true,
    };
}

int input_watch(struct input *in, struct loop *l)
{
    in->loop = l;
    if (in->source.fd < 0)
        return 0;
    int r =
        source_watch(l, &in->source, in->source.fd, in->queue.len > 0 ? EPOLLOUT : 0, on_writable);
    if (r < 0)
        fd_closep(&in->source.fd);
    return r;
}

void input_deinit(struct input *in)
{
    close_input(in);
}

enum keeper_stdin_result input_write(struct input *in, const struct keeper_input *i)
{
    /* Never 0. Who provokes a collision loses input of his own only. */
    uint64_t id = i->input_id ? hash_string(i->input_id) | 1 : 0;

    if (id && is_known(in, id))
        return KEEPER_STDIN_REPEAT;
    if ((!in->source.is_watched && !in->is_pending) || in->is_eof)
        return KEEPER_STDIN_CLOSED;
    if (in->queue.len + i->len > in->max_bytes)
        return KEEPER_STDIN_FULL;
    buf_append(&in->queue, i->data, i->len);
    if (i->len > 0)
        in->is_line_begin = in->queue.data[in->queue.len - 1] == '\n';
    in->is_eof = i->is_eof;
    if (in->is_eof && in->is_pty)
        queue_pty_eof(in);
    write_queue(in);
    if (!in->source.is_watched && !in->is_eof && !in->is_pending)
        return KEEPER_STDIN_CLOSED;
    in->count++;
    if (id) {
        in->ids[in->next_id] = id;
        in->next_id = (in->next_id + 1) % INPUT_IDS_MAX;
    }
    return KEEPER_STDIN_OK;
}

void input_walk(struct input *in, struct codec *c)
{
    const void *data = in->queue.data;
    size_t len = in->queue.len;

    codec_i32(c, &in->source.fd);
    codec_bytes(c, &data, &len);
    if (codec_is_reading(c) && data)
        buf_append(&in->queue, data, len);
    codec_u64(c, &in->max_bytes);
    codec_u64(c, &in->count);
    codec_bool(c, &in->is_pty);
    codec_bool(c, &in->is_pending);
    codec_bool(c, &in->is_eof);
    codec_bool(c, &in->is_line_begin);
    for (size_t i = 0; i < INPUT_IDS_MAX; i++)
        codec_u64(c, &in->ids[i]);
    codec_u32(c, &in->next_id);
    if (in->next_id >= INPUT_IDS_MAX)
        c->is_bad = true;
}
