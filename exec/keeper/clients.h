#pragma once
/*
 * The servers at our socket: usually one, more while one takes over from another. Events go to all
 * that asked for the list. Nobody is waited for: what a client does not take is queued up to a
 * bound, GREW is collapsed to one flag for each execution and client, and who overflows is hung up
 * on; it will come back and read the journals. One thread.
 */
#include "exec/keeper/loop.h"
#include "exec/keeper/packets.h"

struct keeper;
struct child;

#define CLIENTS_MAX 4

struct client {
    struct source source;  /* idle: the place is free */
    struct keeper *keeper; /* borrowed */
    struct packets packets;
    bool is_greeted;  /* HELLO came: messages of its version are understood */
    bool is_attached; /* LIST was answered: events are sent */
};

struct clients {
    struct client v[CLIENTS_MAX];
    struct timer grew; /* GREW is sent at most every GREW_INTERVAL_MS */
    uint64_t grew_ms;
};

void clients_init(struct keeper *k);
/* The listener's callback. */
void clients_accept(struct source *listener, uint32_t events);
void clients_close_all(struct keeper *k);

void clients_send_started(struct keeper *k, const struct child *c);
void clients_send_ended(struct keeper *k, const char *id);
/* Soon, once for all that it grew by till then. */
void clients_send_grew(struct keeper *k, struct child *c);
