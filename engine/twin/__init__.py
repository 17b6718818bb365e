"""A simulated Yangtze River Delta with known truth. Synthetic, and always called so."""
