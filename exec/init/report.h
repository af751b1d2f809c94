#pragma once
/* What init tells the keeper. Whom it can't tell is gone: then all of the sandbox ends. */
#include "exec/init/init_wire.h"

void report_send(const struct init_report *r, int fd); /* fd goes along; -1: none */
_Noreturn void report_failure(int step, int error);    /* enum init_step, errno */
