#pragma once
/*
 * Prepared sandboxes: started, idle, each for one command and then thrown away. Which command may
 * have one is a matter of equality, byte for byte, of everything a sandbox is made from: user,
 * workspace, mounts, filter, limits. So the first command of a workspace starts the slow way, and
 * leaves behind what the next one will find. More are kept where commands come faster than they are
 * made; all go when nobody came for a while. One thread.
 */
#include "exec/keeper/loop.h"

struct keeper;
struct keeper_spawn;
struct sandbox;

struct pool {
    struct list makings; /* struct making: what was asked for lately, newest first */
    unsigned n_makings;
    struct timer refill;
    unsigned serial; /* of the last one's name */
};

void pool_init(struct pool *p);
/* One that fits and is ready; the caller starts a command in it. NULL: none. */
struct sandbox *pool_take(struct keeper *k, const struct keeper_spawn *s);
/* A prepared one ended by itself, as when its workspace is gone: no more of its kind until somebody
 * asks for one. */
void pool_lost(struct keeper *k, const struct sandbox *s);
/* One has ended: once that is answered it is a good time to make what is wanted. */
void pool_hurry(struct keeper *k);
/* Such a one was started: there will be another like it, soon. */
void pool_want(struct keeper *k, const struct keeper_spawn *s);
