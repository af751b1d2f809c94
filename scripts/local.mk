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
	scripts/cluster \
	scripts/fault \
	scripts/lib.sh \
	scripts/lsan.supp \
	scripts/run \
	scripts/setup \
	scripts/test
EXTRA_DIST += \
	CONTRIBUTING.md \
	server/README.md
