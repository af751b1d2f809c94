#pragma once
/* What the pack says of itself to models. */
extern const char pack_exec_instructions[];
extern const char pack_exec_help[];
