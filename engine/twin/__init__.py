"""The demo world: one simulated Yangtze River Delta, deterministic from a seed, known everywhere."""
