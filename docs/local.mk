# docs/: what is installed for people to read.
dist_man_MANS = docs/mcp-execd.8 docs/mcp-exec-init.8 docs/mcp-exec-keeper.8
dist_doc_DATA = README.md LICENSE docs/answers.md docs/architecture.md docs/cluster.md docs/configuration.md docs/confirm.md docs/files.md docs/limits.md docs/redis.md docs/tasks.md docs/replicas.md docs/benchmarks.md docs/sandbox.md docs/testing.md \
    config/mcp-execd.yaml
