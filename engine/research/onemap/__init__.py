"""How well a coarse map with a climatology and stations does on real data."""
