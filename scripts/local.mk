# scripts/: what people run.
EXTRA_DIST += \
	.ci/run \
	.clang-format \
	.editorconfig \
	.shellcheckrc \
	scripts/check-format \
	scripts/check-headers \
	scripts/check-layers \
	scripts/check-scripts \
	scripts/check-sizes \
	scripts/check-words \
	scripts/lib.sh \
	scripts/lsan.supp \
	scripts/cluster \
	scripts/run \
	scripts/setup \
	scripts/test
EXTRA_DIST += \
	CONTRIBUTING.md \
	server/README.md
