"""Super-resolution networks: examples, training, shipped weights, scores and cards."""
