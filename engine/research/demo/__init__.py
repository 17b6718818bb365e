"""The demo world: how it is built, and its statistics beside real data."""
