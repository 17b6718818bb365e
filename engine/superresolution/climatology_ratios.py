"""The climatology of each cell of a grid: fitted on the training part alone, kept on disk.

The maps are a pure function of the dataset's values, the last date of the training part, the
factor and the window; their file is named after these, so that nothing stale is ever read.
"""

import datetime as dt
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import xarray as xr
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from engine.core import dates as days
from engine.core.errors import RequestError
from engine.core.files import atomic_file
from engine.core.paths import home
from engine.core.progress import Progress, Stop, report
from engine.data import pairs
from engine.library import DatasetInfo
from engine.superresolution.networks.classical import Method, ratio_maps, upsample

Map = Literal["copy", "copy-monthly", "bilinear-monthly", "bicubic-monthly", "climatology"]
METHODS: tuple[Method, ...] = ("copy", "bilinear", "bicubic")
# Beyond this, only the window requested is fitted: twelve months of sums for four million cells
# are 1 GB, and a larger grid would not fit where the dashboard runs.
MOST_CELLS = 4_000_000
STEPS_AT_ONCE = 8


@dataclass(frozen=True)
class History:
    """The fitted maps of a dataset, on disk.

    Attributes:
        path: Where they are.
        train_end: Last local date they were fitted on.
        steps: Number of time steps they were fitted on.
        sha256: Of the maps.
        rows: Rows of the dataset's grid that they cover.
        columns: Columns that they cover.
    """

    path: Path
    train_end: dt.date
    steps: int
    sha256: str
    rows: slice
    columns: slice

    def maps(self, name: Map, rows: slice, columns: slice) -> Tensor:
        """Maps (month or 1, rows, columns) of a window of the dataset's grid.

        Raises:
            ValueError: If the window is not covered.
        """
        if not (_covers(self.rows, rows) and _covers(self.columns, columns)):
            raise ValueError(f"window {rows}, {columns} is not in {self.rows}, {self.columns}")
        top, left = self.rows.start, self.columns.start
        with safe_open(self.path, "pt") as file:
            window: Tensor = file.get_slice(name)[
                :, rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
            ]
        return window


def fitted(
    dataset: xr.Dataset,
    about: DatasetInfo,
    window: tuple[slice, slice],
    *,
    factor: int = 8,
    train_end: dt.date | None = None,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> History:
    """The history of a dataset that covers a window, fitted now if it is not kept yet.

    Args:
        dataset: A gridded dataset as the library opens it.
        about: Its record.
        window: Rows and columns wanted, whole blocks.
        factor: Fine cells along a block's side.
        train_end: Last local date to learn from; None: the dataset's own.
        progress: Called while fitting.
        cancelled: Looked at while fitting.

    Raises:
        RequestError: If the dataset has no training part.
        StorageError: If the cache cannot be written.
        Cancelled: If it was.
    """
    end = train_end or about.train_end
    dates = days.local_dates(dataset)
    steps = np.flatnonzero(dates <= np.datetime64(end, "D")) if end else np.array([], dtype=int)
    if end is None or steps.size == 0:
        raise RequestError(
            "no time step to {end} to learn from; data begin on {start}"
            if end
            else "the dataset has no training part to learn from; data begin on {start}",
            where=about.name,
            remedy="Set a later --train-end, or take a model that needs no climatology: copy, "
            "bilinear, bicubic",
            end=end,
            start=about.start,
        )
    rows, columns = _whole(dataset, factor)
    if (rows.stop - rows.start) * (columns.stop - columns.start) > MOST_CELLS:
        rows, columns = window
    text = f"1 {about.checksum} {dates[steps[-1]]} {steps.size} {factor} {rows} {columns}"
    key = hashlib.sha256(text.encode()).hexdigest()[:24]
    path = home() / "cache" / "history" / f"{key}.safetensors"
    if not path.exists():
        part = dataset.isel(latitude=rows, longitude=columns)
        maps = fit(part, steps, factor=factor, progress=progress, cancelled=cancelled)
        keep({str(name): value for name, value in maps.items()}, path)
    with safe_open(path, "pt") as file:
        sha256 = file.metadata()["sha256"]
    return History(path, dates[steps[-1]].item(), int(steps.size), sha256, rows, columns)


def fit(
    dataset: xr.Dataset,
    steps: np.ndarray[tuple[int], np.dtype[np.intp]],
    *,
    factor: int = 8,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> dict[Map, Tensor]:
    """All maps, from the time steps given; a few steps are in memory at once.

    A cell counts on those steps on which it is valid, in numerator and denominator alike.
    """
    fine_sum, base_sums, count = None, {}, None
    months = dataset["valid_time"].values + days.offset(dataset)
    months = months.astype("datetime64[M]").astype(int) % 12
    for start in range(0, steps.size, STEPS_AT_ONCE):
        report(progress, cancelled, start / steps.size, "fitting the climatology")
        some = steps[start : start + STEPS_AT_ONCE]
        chunk = dataset[["pm2p5"]].isel(valid_time=some).load()
        pair = pairs.degrade(chunk, factor)
        fine = torch.from_numpy(np.ascontiguousarray(pairs.target_of(chunk, factor).values))
        valid = ~fine.isnan()
        fine = fine.nan_to_num(nan=0.0)
        coarse = torch.from_numpy(pair["coarse"].values)
        known = ~coarse.isnan()
        if fine_sum is None or count is None:
            fine_sum, count = (torch.zeros(12, *fine.shape[1:]) for _ in range(2))
            base_sums = {method: torch.zeros_like(fine_sum) for method in METHODS}
        month = torch.from_numpy(months[some])
        fine_sum.index_add_(0, month, fine)
        count.index_add_(0, month, valid.to(fine.dtype))
        for method, total in base_sums.items():
            base = upsample(coarse.nan_to_num(nan=0.0), known, factor, method)
            total.index_add_(0, month, base * valid)
    if fine_sum is None or count is None:
        raise ValueError("no steps to fit on")
    return {
        "copy": ratio_maps(fine_sum, base_sums["copy"], count, monthly=False),
        "copy-monthly": ratio_maps(fine_sum, base_sums["copy"], count, monthly=True),
        "bilinear-monthly": ratio_maps(fine_sum, base_sums["bilinear"], count, monthly=True),
        "bicubic-monthly": ratio_maps(fine_sum, base_sums["bicubic"], count, monthly=True),
        # 0 / 0 is NaN, which is what a cell without a climatology shall be.
        "climatology": (fine_sum.sum(0) / count.sum(0))[None],
    }


def _whole(dataset: xr.Dataset, factor: int) -> tuple[slice, slice]:
    rows, columns = dataset.sizes["latitude"], dataset.sizes["longitude"]
    return slice(0, rows // factor * factor), slice(0, columns // factor * factor)


def _covers(outer: slice, inner: slice) -> bool:
    return bool(outer.start <= inner.start and inner.stop <= outer.stop)


def keep(maps: dict[str, Tensor], path: Path) -> None:
    """Publish the file whole or not at all; two processes may fit the same one.

    Its header holds `sha256`, of the values.

    Raises:
        StorageError: If it cannot be written.
    """
    digest = hashlib.sha256()
    for name in sorted(maps):
        digest.update(maps[name].contiguous().numpy().tobytes())
    problem = "the fitted climatology cannot be kept"
    remedy = "Make room there, or set AIRLENS_HOME to a place with room"
    tensors = {name: value.contiguous() for name, value in maps.items()}
    with atomic_file(path, problem, remedy) as part:
        save_file(tensors, part, metadata={"sha256": digest.hexdigest()})
