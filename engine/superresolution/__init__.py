"""Super-resolution: networks, classical operators, recipes, training, weights, cards."""
