#pragma once
/* config_load() with everything it looks at as an argument, for tests. */
#include <stdio.h>

#include "config/check.h"
#include "config/config.h"

struct config_world {
    const char *file; /* read when there is no --config and it exists */
    struct config_machine machine;
    FILE *out, *errors; /* stdout, stderr */
};

enum config_action load_from(int argc, char *const *argv, const struct config_world *world,
                             struct config **ret_config);
