# Unit tests of --doctor.
check_PROGRAMS += tests/unit/test_doctor
TESTS += tests/unit/test_doctor
tests_unit_test_doctor_SOURCES = tests/unit/test_doctor.c tests/unit/temp_dir.h
tests_unit_test_doctor_LDADD = $(DOCTOR_LIBS) $(CMOCKA_LIBS)
