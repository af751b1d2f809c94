#pragma once
/* What the pack says of itself to models. */
extern const char pack_exec_instructions[], pack_exec_instructions_no_files[];
extern const char pack_exec_help[];
