# tests/: unit (cmocka), fuzz (corpus replay), and what scripts/test runs against the real binary.
include tests/unit/local.mk
include tests/fuzz/local.mk
include tests/bench/local.mk
include tests/integration/local.mk
include tests/conformance/local.mk
