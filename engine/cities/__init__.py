"""A city's field from buses and cars: the record, STeP-Diff's trainer, baselines, scores, page."""
