#include "tests/unit/fake_keeper.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "state/journal.h"

struct keeper_client {
    const struct keeper_client_events *events;
    void *arg;
};

struct fake_keeper fake_keeper;
static struct keeper_client client;

int keeper_client_new(struct event_base *base, const struct keeper_client_options *o,
                      const struct keeper_client_events *ev, void *arg, struct keeper_client **ret)
{
    fake_keeper = (struct fake_keeper){.is_away = true, .host = {true, true, true}};
    client = (struct keeper_client){.events = ev, .arg = arg};
    *ret = &client;
    return 0;
}
struct keeper_client *keeper_client_free(struct keeper_client *k)
{
    return NULL;
}
bool keeper_client_is_ready(const struct keeper_client *k)
{
    return !fake_keeper.is_away;
}
int keeper_client_spawn(struct keeper_client *k, const struct exec_spec *s, const char *dir)
{
    if (fake_keeper.is_away)
        return -ENOTCONN;
    memcpy(fake_keeper.spawned[fake_keeper.n_spawned++ % 64], s->id, sizeof(s->id));
    return 0;
}
int keeper_client_stdin(struct keeper_client *k, const char *id, uint64_t token, const void *data,
                        size_t len, bool eof, const char *input_id)
{
    if (fake_keeper.is_away)
        return -ENOTCONN;
    fake_keeper.n_stdin++;
    fake_keeper.stdin_token = token;
    (void)snprintf(fake_keeper.input, sizeof(fake_keeper.input), "%.*s", (int)len,
                   data ? (const char *)data : "");
    return 0;
}
int keeper_client_kill(struct keeper_client *k, const char *id, enum keeper_kill_mode mode,
                       int signo, enum execution_reason reason)
{
    if (fake_keeper.is_away)
        return -ENOTCONN;
    strncpy(fake_keeper.killed[fake_keeper.n_killed++ % 64], id, EXECUTION_ID_MAX);
    fake_keeper.kill_reason = reason;
    return 0;
}
int keeper_client_note(struct keeper_client *k, const char *id, enum journal_type type,
                       const char *note)
{
    fake_keeper.n_notes++;
    strncpy(fake_keeper.note, note, JOURNAL_NOTE_MAX);
    return 0;
}
int keeper_client_quit(struct keeper_client *k)
{
    fake_keeper.n_quit++;
    return 0;
}
int keeper_client_upgrade(struct keeper_client *k)
{
    return 0;
}

void fake_keeper_ready(void)
{
    fake_keeper.is_away = false;
    client.events->on_ready(client.arg, &fake_keeper.host);
}
void fake_keeper_gone(void)
{
    fake_keeper.is_away = true;
    client.events->on_gone(client.arg);
}
void fake_keeper_running(const char *id, uint64_t events, uint64_t bytes)
{
    const struct keeper_running r = {
        .pid = 1, .started_us = 1, .events = events, .output_bytes = bytes, .last_output_us = 1};
    client.events->on_running(client.arg, id, &r);
}
void fake_keeper_started(const char *id)
{
    client.events->on_started(client.arg, id, 1, 1);
}
void fake_keeper_grew(const char *id, uint64_t events, uint64_t bytes)
{
    const struct keeper_running r = {
        .pid = 1, .started_us = 1, .events = events, .output_bytes = bytes, .last_output_us = 1};
    client.events->on_grew(client.arg, id, &r);
}
void fake_keeper_waits(const char *id, uint64_t events, enum execution_waiting waiting)
{
    const struct keeper_running r = {
        .pid = 1, .started_us = 1, .events = events, .waiting = waiting};
    client.events->on_grew(client.arg, id, &r);
}
void fake_keeper_ended(const char *state_dir, const char *id, enum execution_reason reason,
                       int code)
{
    CLEANUP(free_p) char *dir = journal_dir(state_dir, id);
    const struct execution_exit x = {
        .reason = reason, .exit_code = code, .started_us = 1, .ended_us = 2};
    if (journal_write_exit(dir, &x) < 0)
        abort();
    client.events->on_ended(client.arg, id);
}
void fake_keeper_stdin(uint64_t token, enum keeper_stdin_result result)
{
    client.events->on_stdin(client.arg, token, result);
}
