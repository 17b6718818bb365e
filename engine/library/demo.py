"""The demo world as datasets of the library: read from assets/, listed first, never changed.

`engine.twin` has the data. It knows no library, so it describes them in plain mappings:
`demo_info() -> {name: fields of DatasetInfo}`, `open_demo(name) -> Dataset`.
"""

from collections.abc import Callable, Mapping
from typing import Any

import xarray as xr

from engine import twin
from engine.library.manifest import RULES, DatasetInfo

ORDER = ("demo", "demo-stations", "demo-mobile", "demo-cities")


def names() -> list[str]:
    """Names of the demo's datasets; empty where the demo is not installed."""
    found = _records()
    return [name for name in ORDER if name in found]


def info(name: str) -> DatasetInfo:
    """What is known of one of them.

    Raises:
        KeyError: If `name` is none of `names()`.
    """
    return DatasetInfo.model_validate({**_records()[name], "name": name, "rules": RULES})


def open_dataset(name: str) -> xr.Dataset:
    """One of them, as `engine.core.schema` describes it."""
    open_demo: Callable[[str], xr.Dataset] = twin.__dict__["open_demo"]
    return open_demo(name)


def _records() -> Mapping[str, Mapping[str, Any]]:
    demo_info: Callable[[], Mapping[str, Mapping[str, Any]]] | None = twin.__dict__.get("demo_info")
    return demo_info() if demo_info is not None else {}
