#include "exec/inbox.h"

#include <errno.h>
#include <string.h>

#include <sys/eventfd.h>

#include "state/base/fd.h"

int inbox_init(struct inbox *in)
{
    memset(in, 0, sizeof(*in));
    list_init(&in->calls);
    pthread_mutex_init(&in->lock, NULL);
    in->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return in->event_fd < 0 ? -errno : 0;
}

void inbox_deinit(struct inbox *in)
{
    list_for_each_safe (l, next, &in->calls)
        call_free(CONTAINER_OF(l, struct call, link));
    list_init(&in->calls);
    fd_closep(&in->event_fd);
    in->event_fd = -1;
    pthread_mutex_destroy(&in->lock);
}

uint64_t inbox_put(struct inbox *in, struct call *c)
{
    pthread_mutex_lock(&in->lock);
    bool was_empty = list_is_empty(&in->calls);
    uint64_t serial = in->is_closed ? 0 : ++in->serial;
    if (serial) {
        c->serial = serial;
        list_append(&in->calls, &c->link);
    }
    pthread_mutex_unlock(&in->lock);
    if (serial && was_empty) {
        uint64_t one = 1;
        /* An eventfd counter near 2^64 is the only way to fail, and then it is readable anyway. */
        ssize_t n = write(in->event_fd, &one, sizeof(one));
        (void)n;
    }
    return serial;
}

void inbox_take(struct inbox *in, struct list *to)
{
    uint64_t count;
    ssize_t n = read(in->event_fd, &count, sizeof(count));
    (void)n; /* EAGAIN: a wake-up whose calls were taken by the one before */
    pthread_mutex_lock(&in->lock);
    list_move_all(&in->calls, to);
    pthread_mutex_unlock(&in->lock);
}

void inbox_close(struct inbox *in)
{
    pthread_mutex_lock(&in->lock);
    in->is_closed = true;
    pthread_mutex_unlock(&in->lock);
}
