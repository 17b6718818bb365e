"""The demo world: a simulated Yangtze River Delta, deterministic from a seed, known everywhere."""

from engine.twin.shipped import demo_cells, demo_info, open_demo

__all__ = ["demo_cells", "demo_info", "open_demo"]
