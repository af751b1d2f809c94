# tests/unit/: one program a noun, TAP by cmocka. Each area adds its programs in its own .mk.
if HAVE_CMOCKA
include tests/unit/config.mk
include tests/unit/state.mk
include tests/unit/doctor.mk
include tests/unit/exec.mk
include tests/unit/service.mk
include tests/unit/stdio.mk
include tests/unit/http.mk
include tests/unit/mcp.mk
include tests/unit/tools.mk
endif
