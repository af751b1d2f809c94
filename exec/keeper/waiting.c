#include "exec/keeper/waiting.h"

#include <fcntl.h>
#include <termios.h>

#include <sys/ioctl.h>
#include <sys/stat.h>

#include "exec/keeper/child.h"
#include "state/base/clock.h"
#include "state/base/fd.h"

#define QUIET_MS        40   /* before the first look */
#define CONFIRM_MS      30   /* between the two looks that agree */
#define OTHERS_QUIET_MS 1000 /* for what may be answered by a socket as well */
#define FED_PATIENCE_MS 1000
#define LOOK_MS         100
#define RECHECK_MS      200
#define UNKNOWN_MS      1000

/* A thread takes 10 to 20 us to look at (measured 2026-11): 3 % of a CPU at most. */
#define BUDGET_PER_MS 2
#define BUDGET_MAX    400

/* ---- what there is to read ---- */

/* The slave's end, for a moment: only it can be asked what lies in the line discipline. */
static int open_slave(const struct child *c)
{
    return ioctl(c->input.source.fd, TIOCGPTPEER, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
}

/* Which file our input is for who reads it. False: it can't be told now. */
static bool find_input(struct child *c)
{
    struct waiting *w = &c->waiting;
    CLEANUP(fd_closep) int slave = -1;
    struct stat st;

    if (w->dev)
        return true;
    if (c->input.is_pty && (slave = open_slave(c)) < 0)
        return false;
    if (fstat(slave >= 0 ? slave : c->input.source.fd, &st) < 0)
        return false;
    w->dev = st.st_dev;
    w->ino = st.st_ino;
    w->terminal = slave >= 0 ? st.st_rdev : 0;
    return true;
}

static bool has_unread(const struct child *c)
{
    CLEANUP(fd_closep) int slave = -1;
    int n = 0;

    if (c->input.queue.len > 0)
        return true;
    if (c->input.is_pty && (slave = open_slave(c)) < 0)
        return false; /* somebody has it for himself, TIOCEXCL */
    return ioctl(slave >= 0 ? slave : c->input.source.fd, FIONREAD, &n) == 0 && n > 0;
}

/* Line by line and without an echo: that is how secrets are read. Editors of lines switch the echo
 * off too, since they do it themselves, but read characters. */
static bool is_secret(const struct child *c)
{
    struct termios t;
    return c->input.is_pty && tcgetattr(c->input.source.fd, &t) == 0 && !(t.c_lflag & ECHO) &&
           (t.c_lflag & ICANON);
}

/* ---- telling ---- */

static void tell(struct child *c, enum execution_waiting what)
{
    if (c->waiting.told == what)
        return;
    /* First what it asks: the begin of a line may still be held. */
    for (int i = 0; i < JOURNAL_STREAMS && waiting_is_for_input(what); i++)
        if (journal_writer_can_flush(&c->journal, c->streams[i].type))
            child_flush(&c->streams[i], false);
    c->waiting.told = what;
    clients_send_grew(c->keeper, c);
}

/* ---- looking ---- */

static void on_look(struct timer *t);

static void look_in(struct child *c, uint64_t ms)
{
    timer_set(&c->keeper->loop, &c->waiting.look, clock_mono_ms() + ms, on_look);
}

static bool can_wait(const struct child *c)
{
    return c->phase == CHILD_RUNNING && !c->reason && c->input.source.is_watched &&
           !c->input.is_eof;
}

static bool is_in_budget(struct keeper *k, uint64_t now)
{
    struct waiting_budget *b = &k->waiting_budget;
    uint64_t ms = now - b->at_ms;

    b->at_ms = now;
    b->left += ms > BUDGET_MAX ? BUDGET_MAX : (int64_t)ms * BUDGET_PER_MS;
    if (b->left > BUDGET_MAX)
        b->left = BUDGET_MAX;
    return b->left > 0;
}

static enum reader_outcome find_reader(struct child *c, struct reader *ret)
{
    const struct waiting *w = &c->waiting;
    struct reader_query q = {
        .tree = &c->tree, .dev = w->dev, .ino = w->ino, .terminal = w->terminal};
    unsigned cost;
    int id;

    if (w->terminal && ioctl(c->input.source.fd, TIOCGPGRP, &id) == 0)
        q.foreground = id;
    if (w->terminal && ioctl(c->input.source.fd, TIOCGSID, &id) == 0)
        q.session = id;
    enum reader_outcome o = reader_find(&q, ret, &cost);
    c->keeper->waiting_budget.left -= cost;
    return o == READER_FOUND && has_unread(c) ? READER_NONE : o;
}

static bool is_same(const struct waiting *w, enum reader_outcome o, const struct reader *r)
{
    return w->found == o && w->reader.pid == r->pid && w->reader.tid == r->tid;
}

/* Input lies in a terminal's buffers for a moment before it can be seen there, on a busy machine a
 * long one: who has not been awake since has not got it. Unless it was no whole line: then it is
 * not for him yet. */
static bool is_still_asleep(const struct waiting *w, uint64_t now)
{
    return w->fed.tid && w->fed.tid == w->reader.tid && w->fed.switches == w->reader.switches &&
           now < w->fed_ms + FED_PATIENCE_MS;
}

/* What to tell now that it is so since found_ms. A look between two calls of one who polls sees
 * nobody: what was told stays so until two looks agree. */
static enum execution_waiting judge(struct child *c, uint64_t now)
{
    const struct waiting *w = &c->waiting;
    uint64_t quiet = w->reader.has_others ? OTHERS_QUIET_MS : QUIET_MS;

    if (now < w->found_ms + CONFIRM_MS)
        return w->told;
    switch (w->found) {
    case READER_NONE:
        return WAITING_NO;
    case READER_UNKNOWN:
        return WAITING_UNKNOWN;
    case READER_FOUND:
        break;
    }
    if (now < w->quiet_ms + quiet || is_still_asleep(w, now))
        return WAITING_NO;
    return is_secret(c) ? WAITING_SECRET : WAITING_INPUT;
}

static uint64_t next_look_ms(const struct waiting *w, uint64_t now)
{
    if (now < w->found_ms + CONFIRM_MS && (w->found == READER_FOUND || w->told != WAITING_NO))
        return CONFIRM_MS;
    if (w->told == WAITING_UNKNOWN)
        return UNKNOWN_MS;
    return waiting_is_for_input(w->told) ? RECHECK_MS : LOOK_MS;
}

static void look(struct child *c, uint64_t now)
{
    struct waiting *w = &c->waiting;
    struct reader r = {0};
    enum reader_outcome o = find_input(c) ? find_reader(c, &r) : READER_NONE;

    if (!is_same(w, o, &r))
        w->found_ms = now;
    w->found = o;
    w->reader = r;
    tell(c, judge(c, now));
}

static void on_look(struct timer *t)
{
    struct child *c = CONTAINER_OF(t, struct child, waiting.look);
    uint64_t now = clock_mono_ms();

    if (!can_wait(c))
        return waiting_stop(c);
    /* With too much to look at each has its turn later, the later the more there are. */
    if (!is_in_budget(c->keeper, now))
        return look_in(c, LOOK_MS + c->keeper->n_children);
    look(c, now);
    if (can_wait(c)) /* the disk may have been full */
        look_in(c, next_look_ms(&c->waiting, now));
}

void waiting_start(struct child *c)
{
    struct waiting *w = &c->waiting;

    if (!can_wait(c))
        return;
    w->quiet_ms = clock_mono_ms();
    look_in(c, QUIET_MS);
}

void waiting_moved(struct child *c)
{
    struct waiting *w = &c->waiting;

    if (!timer_is_set(&w->look))
        return;
    w->quiet_ms = clock_mono_ms();
    w->found = READER_NONE;
    w->found_ms = w->quiet_ms;
    w->reader = (struct reader){0};
    if (waiting_is_for_input(w->told))
        tell(c, WAITING_NO);
    look_in(c, QUIET_MS);
}

void waiting_fed(struct child *c)
{
    struct waiting *w = &c->waiting;

    if (w->found == READER_FOUND)
        w->fed = w->reader;
    w->fed_ms = clock_mono_ms();
    waiting_moved(c);
}

void waiting_stop(struct child *c)
{
    timer_clear(&c->waiting.look);
    tell(c, WAITING_NO);
}
