"""How good a map is and how good a station: metrics, evidence, diagnostics, ensembles, checks."""
