"""The AirLens dashboard. It asks the engine and draws; it owns no science."""
