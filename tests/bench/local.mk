# tests/bench/: measured, never asserted. `tests/bench/run` tells what to expect and how to repeat it.
EXTRA_PROGRAMS = tests/bench/floor_h2o tests/bench/floor_spawn tests/bench/floor_copy tests/bench/floor_redis tests/bench/load
tests_bench_floor_h2o_SOURCES = tests/bench/floor_h2o.c
tests_bench_floor_h2o_LDADD = $(H2O_LIBS) $(SSL_LIBS)
tests_bench_floor_spawn_SOURCES = tests/bench/floor_spawn.c tests/bench/samples.c tests/bench/samples.h
tests_bench_floor_copy_SOURCES = tests/bench/floor_copy.c tests/bench/samples.c tests/bench/samples.h
tests_bench_floor_redis_SOURCES = tests/bench/floor_redis.c tests/bench/samples.c tests/bench/samples.h
tests_bench_floor_redis_LDADD = $(HIREDIS_LIBS)
tests_bench_load_SOURCES = tests/bench/load.c tests/bench/samples.c tests/bench/samples.h
dist_noinst_SCRIPTS = tests/bench/run

.PHONY: bench
bench: $(EXTRA_PROGRAMS) mcp-execd mcp-exec-keeper
	$(top_srcdir)/tests/bench/run --build $(abs_top_builddir)
