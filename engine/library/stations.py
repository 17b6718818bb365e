"""Datasets of fixed stations by their names, for whatever task takes them."""

import xarray as xr

from engine import library
from engine.core.errors import RequestError


def stations_named(name: str, option: str) -> xr.Dataset | None:
    """A dataset of fixed stations by its name; None if it has none.

    Raises:
        EngineError: If there is none of that name, or it holds something else.
    """
    if not name:
        return None
    kind = library.info(name).kind
    if kind != "stations":
        raise RequestError(
            "{name!r} holds {kind}, and stations are wanted",
            where=option,
            remedy="Name a dataset of stations: airlens datasets",
            name=name,
            kind=kind,
        )
    return library.open_dataset(name).load()
