"""WUSTL's months restored with one, two, five and seventeen years known: what `auto` takes.

`auto` judges its candidates within the years that are known; the months of 2015 to 2018 then say
what each of them would have been worth.
"""

import datetime as dt
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from engine import library
from engine.core.errors import NotFoundError
from engine.data.options import ReadOptions
from engine.inference import catalogue, restore_choice
from engine.inference.evaluation import Scores, evaluate
from engine.inference.request import Request
from engine.research.onemap.cities import WUSTL

YEARS = (1, 2, 5, 17)
TRAIN_END, LAST = dt.date(2014, 12, 31), dt.date(2018, 12, 31)
NAME = "wustl-years"


def record() -> dict[str, Any]:
    """By years known: what `auto` took and every candidate's error afterwards, ug m-3.

    Raises:
        NotFoundError: If the real data are not there.
    """
    if not WUSTL.is_file():
        raise NotFoundError("the real data are not here", where=str(WUSTL))
    with _scratch():
        whole = library.import_files("grid", [WUSTL], "wustl", options=ReadOptions())
        every = library.open_dataset(whole.name)
        return {str(years): _known(every, years) for years in YEARS}


def _known(every: xr.Dataset, years: int) -> dict[str, Any]:
    first = np.datetime64(f"{TRAIN_END.year - years + 1}-01-01")
    part = every.sel(valid_time=every["valid_time"].values >= first).load()
    about = library.store(part, NAME, train_end=TRAIN_END, replace=True)
    taken = restore_choice.find(about, seconds=float("inf"))
    names = [n for n in restore_choice.candidates(about) if n not in catalogue.NETWORKS]
    # The shipped networks have learned from these maps: they would be no fair candidates.
    request = Request(NAME, TRAIN_END)
    scores = evaluate(request, names, TRAIN_END + dt.timedelta(days=1), LAST)
    errors = {name: _rmse(found) for name, found in scores.items()}
    return {
        "taken": taken.model,
        "reason": taken.reason,
        "units": taken.choice.units if taken.choice else 0,
        "errors": errors,
        "best": min(errors, key=errors.__getitem__),
    }


def _rmse(found: Scores) -> float:
    value = found["rmse"]
    return float(value) if isinstance(value, float) else float("inf")


@contextmanager
def _scratch() -> Iterator[Path]:
    """A library of its own, so that nobody's is written into."""
    before = os.environ.get("AIRLENS_HOME")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AIRLENS_HOME"] = folder
        try:
            yield Path(folder)
        finally:
            if before is None:
                del os.environ["AIRLENS_HOME"]
            else:
                os.environ["AIRLENS_HOME"] = before
