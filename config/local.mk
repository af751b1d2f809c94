# config/: what an operator may say. A leaf: includes nothing of ours.
noinst_LIBRARIES += libconfig.a
libconfig_a_SOURCES = config/config.h
CONFIG_LIBS = libconfig.a $(YAML_LIBS)
