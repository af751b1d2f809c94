#pragma once
/* What the pack says of itself to models; without the file tools where there are none. */
extern const char pack_exec_instructions[], pack_exec_instructions_no_files[];
extern const char pack_exec_help[], pack_exec_help_no_files[];
