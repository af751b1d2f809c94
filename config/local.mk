# config/: what an operator may say. A leaf: includes nothing of ours.
noinst_LIBRARIES += libconfig.a
libconfig_a_SOURCES = \
    config/config.h \
    config/check.c config/check.h \
    config/check_confirm.c \
    config/check_egress.c \
    config/document.c config/document.h \
    config/flags.c config/flags.h \
    config/help.c config/help.h \
    config/layers.c config/layers.h \
    config/layers_profile.c \
    config/load.c config/load.h \
    config/mem.h \
    config/nearest.c config/nearest.h \
    config/print.c config/print.h \
    config/problem.h \
    config/profile.c config/profile.h \
    config/quote.c config/quote.h \
    config/redis_url.c config/redis_url.h \
    config/report.c config/report.h \
    config/runtime.c config/runtime.h \
    config/schema.c config/schema.h \
    config/schema_find.c \
    config/string_list.c config/string_list.h \
    config/units.c config/units.h \
    config/value.c config/value.h \
    config/wrap.c config/wrap.h \
    config/yaml_tree.c config/yaml_tree.h
CONFIG_LIBS = libconfig.a $(YAML_LIBS) $(PCRE2_LIBS)


# Regenerates the example file and the reference after a change of the table; tests/unit/test_config_print
# compares them.
noinst_PROGRAMS += config/config-docs
config_config_docs_SOURCES = config/docs_main.c
config_config_docs_LDADD = $(CONFIG_LIBS)

.PHONY: config-docs
config-docs: config/config-docs
	config/config-docs example > $(srcdir)/config/mcp-execd.yaml
	{ sed '/^<!-- Generated/,$$d' $(srcdir)/docs/configuration.md && config/config-docs reference; } > configuration.md.new
	mv configuration.md.new $(srcdir)/docs/configuration.md
