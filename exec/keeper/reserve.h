#pragma once
/*
 * Room for ends: the file keeper.reserve of the state directory, allocated while there is room and
 * given up when the disk is so full that how an execution ended can't be written. Without it nobody
 * would hear of that end until somebody makes room.
 */
#include <stdbool.h>

#include "state/base/macro.h"

#define RESERVE_BYTES \
    (256u * 1024) /* the ends of some sixty executions: two blocks of 4 KiB each, at most */

/* Makes it, or makes it whole again. True: it is there now. */
bool reserve_take(const char *state_dir);
/* True: it was there and its room is free now. */
bool reserve_give_up(const char *state_dir);
