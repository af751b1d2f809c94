# Unit tests of config and of who asks (server/auth).
config_tests = tests/unit/test_config tests/unit/test_config_errors tests/unit/test_config_print
check_PROGRAMS += $(config_tests) tests/unit/test_config_units tests/unit/test_config_yaml tests/unit/test_redis_url tests/unit/test_token
TESTS += $(config_tests) tests/unit/test_config_units tests/unit/test_config_yaml tests/unit/test_redis_url tests/unit/test_token
config_fixture = tests/unit/config_fixture.c tests/unit/config_fixture.h
tests_unit_test_config_SOURCES = tests/unit/test_config.c $(config_fixture)
tests_unit_test_config_LDADD = $(CONFIG_LIBS) $(CMOCKA_LIBS)
tests_unit_test_config_errors_SOURCES = tests/unit/test_config_errors.c $(config_fixture)
tests_unit_test_config_errors_LDADD = $(CONFIG_LIBS) $(CMOCKA_LIBS)
tests_unit_test_config_print_SOURCES = tests/unit/test_config_print.c $(config_fixture)
tests_unit_test_config_print_LDADD = $(CONFIG_LIBS) $(CMOCKA_LIBS)
tests_unit_test_config_units_SOURCES = tests/unit/test_config_units.c
tests_unit_test_config_units_LDADD = $(CONFIG_LIBS) $(CMOCKA_LIBS)
tests_unit_test_config_yaml_SOURCES = tests/unit/test_config_yaml.c
tests_unit_test_config_yaml_LDADD = $(CONFIG_LIBS) $(CMOCKA_LIBS)
tests_unit_test_redis_url_SOURCES = tests/unit/test_redis_url.c
tests_unit_test_redis_url_LDADD = $(CONFIG_LIBS) $(CMOCKA_LIBS)
# Brings its own exchange_header().
tests_unit_test_token_SOURCES = tests/unit/test_token.c
tests_unit_test_token_LDADD = $(AUTH_LIBS) $(CMOCKA_LIBS)
