# scripts/: what people run.
