"""The demo world as datasets of the library: read from assets/, listed first, never changed."""

import xarray as xr

from engine.library.manifest import DatasetInfo


def names() -> list[str]:
    """Names of the demo's datasets; empty where the demo is not installed."""
    return []


def info(name: str) -> DatasetInfo:
    """What is known of one of them."""
    raise KeyError(name)


def open_dataset(name: str) -> xr.Dataset:
    """One of them, as `engine.schema` describes it."""
    raise KeyError(name)
