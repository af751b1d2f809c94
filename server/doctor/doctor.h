#pragma once
/*
 * `mcp-execd --doctor`: looks at what this host gives and what the configuration asks of it, a line
 * for each, with what it means and what mends it. Of what it makes only the state directory stays;
 * blocks for some seconds at most.
 */
#include <stdio.h>

#include "config/config.h"

/* nginx_file: the configuration of the balancer in front, or NULL. The exit status: 0, or 1 when
 * something is wrong that the server would not work with. */
int doctor_run(const struct config *c, const char *nginx_file, FILE *out);
