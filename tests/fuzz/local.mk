# tests/fuzz/: LLVMFuzzerTestOneInput targets. With --enable-fuzzing libFuzzer drives them; otherwise
# tests/fuzz/replay.c feeds them their corpus once, as part of `make check`. An area's .mk says:
#
#   FUZZ_TARGETS += tests/fuzz/fuzz_foo
#   tests_fuzz_fuzz_foo_SOURCES = tests/fuzz/fuzz_foo.c $(FUZZ_MAIN)
#   tests_fuzz_fuzz_foo_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
#   tests_fuzz_fuzz_foo_LDADD = $(STATE_LIBS)
#   EXTRA_DIST += tests/fuzz/corpus/foo
FUZZ_TARGETS =
if FUZZING
FUZZ_MAIN =
else
FUZZ_MAIN = tests/fuzz/replay.c
TESTS += $(FUZZ_TARGETS)
endif
check_PROGRAMS += $(FUZZ_TARGETS)
include tests/fuzz/config.mk
include tests/fuzz/state.mk
include tests/fuzz/exec.mk
include tests/fuzz/doctor.mk
include tests/fuzz/http.mk
include tests/fuzz/mcp.mk
include tests/fuzz/stdio.mk
include tests/fuzz/tools.mk
