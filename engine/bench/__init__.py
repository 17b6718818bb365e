"""Measurements that the documents quote: `python -m engine.bench.attention`, `….airstfm`."""
