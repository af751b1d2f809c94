#pragma once
/* What must hold between values, and the defaults that depend on the machine. */
#include "config/layers.h"

/* What the machine says; tests say something else. */
struct config_machine {
    const char *state_dir; /* the system's directory for state: /var/lib/mcp-execd */
    const char *host_name;
    char *const *environ_; /* for XDG_STATE_HOME and HOME */
};

/* Fills exec.replica_id and exec.state_dir where nobody set them, then checks all of it; errors and
 * warnings go to the report of the layers. */
void check_layers(struct config_layers *l, const struct config_machine *m);

/* Parts of it: the section confirm; egress, and what profiles say of the network. */
void check_confirm(struct config_layers *l);
void check_egress(struct config_layers *l);

/* A replica id made of a host name: a-z, 0-9 and _, at most 24 of them, never empty. */
char *check_safe_replica_id(const char *host_name);
bool check_is_loopback(const char *host);
