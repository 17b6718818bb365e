"""Super-resolution networks from a dataset to shipped weights: lessons, trainers, scores, pages."""
