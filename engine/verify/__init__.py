"""How good a map is: metrics, pairs, diagnostics. Masks everywhere, metrics last."""
