"""What only `make results-…`, `probes-…` and `bench-…` reach. The product imports nothing of it."""
