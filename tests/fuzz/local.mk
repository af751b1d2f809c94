# tests/fuzz/: LLVMFuzzerTestOneInput targets. With --enable-fuzzing libFuzzer drives them; otherwise
# tests/fuzz/replay.c feeds them their corpus once, as part of `make check`.
include tests/fuzz/config.mk
include tests/fuzz/state.mk
include tests/fuzz/exec.mk
include tests/fuzz/http.mk
include tests/fuzz/mcp.mk
