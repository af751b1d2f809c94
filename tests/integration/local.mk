# tests/integration/ and tests/fault/: scripts/test runs them against the real programs.
EXTRA_DIST += \
	tests/fault/big_output.mjs \
	tests/fault/cluster.mjs \
	tests/fault/crowd.mjs \
	tests/fault/disk_full.mjs \
	tests/fault/kill_keeper.mjs \
	tests/fault/kill_server.mjs \
	tests/fault/lib/chaos.mjs \
	tests/fault/lib/random.mjs \
	tests/fault/lib/work.mjs \
	tests/fault/listeners.mjs \
	tests/fault/never_reads.mjs \
	tests/integration/.npmrc \
	tests/integration/cli.mjs \
	tests/integration/clients.mjs \
	tests/integration/cluster.mjs \
	tests/integration/concurrent.mjs \
	tests/integration/confirm.mjs \
	tests/integration/control.mjs \
	tests/integration/defects.mjs \
	tests/integration/doctor.mjs \
	tests/integration/egress.mjs \
	tests/integration/escape.mjs \
	tests/integration/execute.mjs \
	tests/integration/files.mjs \
	tests/integration/http.mjs \
	tests/integration/inspector.mjs \
	tests/integration/lib/clients.mjs \
	tests/integration/lib/cluster.mjs \
	tests/integration/lib/listen.mjs \
	tests/integration/lib/mcp.mjs \
	tests/integration/lib/nginx.mjs \
	tests/integration/lib/ports.mjs \
	tests/integration/lib/processes.mjs \
	tests/integration/lib/program.mjs \
	tests/integration/lib/raw.mjs \
	tests/integration/lib/redis.mjs \
	tests/integration/lib/schema.mjs \
	tests/integration/lib/server.mjs \
	tests/integration/lib/sse.mjs \
	tests/integration/lib/stdio.mjs \
	tests/integration/lib/tasks.mjs \
	tests/integration/lib/traffic.mjs \
	tests/integration/lib/until.mjs \
	tests/integration/limits.mjs \
	tests/integration/listen.mjs \
	tests/integration/logging.mjs \
	tests/integration/nginx.mjs \
	tests/integration/output.mjs \
	tests/integration/package-lock.json \
	tests/integration/package.json \
	tests/integration/prompts.mjs \
	tests/integration/protocol.mjs \
	tests/integration/queue.mjs \
	tests/integration/reasons.mjs \
	tests/integration/replicas.mjs \
	tests/integration/resources.mjs \
	tests/integration/sandbox.mjs \
	tests/integration/schema.mjs \
	tests/integration/sessions.mjs \
	tests/integration/stdio.mjs \
	tests/integration/task_replicas.mjs \
	tests/integration/tasks.mjs \
	tests/integration/waiting.mjs

# What escape.mjs runs inside a sandbox, and makes itself. Static, and without sanitizers.
check_PROGRAMS += tests/integration/escape-probe
tests_integration_escape_probe_SOURCES = tests/integration/escape_probe.c
tests_integration_escape_probe_CPPFLAGS = -D_GNU_SOURCE
tests_integration_escape_probe_CFLAGS = -std=gnu17 $(WARN_CFLAGS)
tests_integration_escape_probe_LDFLAGS = -static
