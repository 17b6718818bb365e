"""What `engine.superresolution.networks.regression` learns of a dataset's past, kept on disk.

A pure function of the dataset's values, the last date of the training part and the configuration;
the file is named after these, so that nothing stale is ever read.
"""

import datetime as dt
import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from safetensors import safe_open
from torch import Tensor

from engine.core import dates as days
from engine.core.errors import RequestError
from engine.core.paths import home
from engine.core.progress import Progress, Stop, part, report
from engine.data import pairs
from engine.library import DatasetInfo
from engine.superresolution.climatology_ratios import keep
from engine.superresolution.networks.layers import SCALE
from engine.superresolution.networks.regression import (
    Parts,
    PlaceClimatology,
    RegressionConfig,
    learn,
)
from engine.superresolution.regression_limits import LEAST_FRAMES, LEAST_YEARS, MOST_VALUES


@dataclass(frozen=True)
class Record:
    """The training part as tensors.

    Attributes:
        coarse: (t, h, w) ug m-3, 0 where there is no data.
        mask: (t, h, w), True where a coarse cell holds data.
        fine: (t, H, W) ug m-3, 0 where there is no data.
        fine_mask: (t, H, W), True where a fine cell holds data.
        years: (t,) time in years.
        dates: (t,) local dates.
    """

    coarse: Tensor
    mask: Tensor
    fine: Tensor
    fine_mask: Tensor
    years: Tensor
    dates: days.Dates


@dataclass(frozen=True)
class Learned:
    """What was learned, on disk: see `PlaceClimatology`.

    Attributes:
        path: Where it is.
        train_end: Last local date it was learned from.
        sha256: Of the file's values.
    """

    path: Path
    train_end: dt.date
    sha256: str

    def climatology(self, rows: slice, columns: slice) -> PlaceClimatology:
        """What was learned, for a window of fine rows and columns in whole blocks."""
        coarse = tuple(slice(s.start // SCALE, s.stop // SCALE) for s in (rows, columns))
        with safe_open(self.path, "pt") as file:
            fine = {
                name: file.get_slice(name)[:, rows, columns] for name in ("log_ratio", "spread")
            }
            log_coarse = file.get_slice("log_coarse")[:, coarse[0], coarse[1]]
            slopes = file.get_slice("slopes")[coarse[0], coarse[1]]
        return PlaceClimatology(fine["log_ratio"], log_coarse, slopes.float(), fine["spread"])


def learned(
    dataset: xr.Dataset,
    about: DatasetInfo,
    *,
    train_end: dt.date | None = None,
    config: RegressionConfig | None = None,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> Learned:
    """The climatology of a dataset, fitted now if it is not kept yet.

    Args:
        dataset: A gridded dataset as the library opens it.
        about: Its record.
        train_end: Last local date to learn from; None: the dataset's own.
        config: How; None: as chosen on WUSTL.
        progress: Called while learning.
        cancelled: Looked at while learning.

    Raises:
        RequestError: If the training part is too short, or the grid too large.
        StorageError: If the cache cannot be written.
        Cancelled: If it was.
    """
    config = config or RegressionConfig()
    steps = steps_to_learn(dataset, about, train_end)
    last = days.local_dates(dataset)[steps[-1]]
    text = f"1 {about.checksum} {last} {steps.size} {sorted(asdict(config).items())}"
    key = hashlib.sha256(text.encode()).hexdigest()[:24]
    path = home() / "cache" / "regression" / f"{key}.safetensors"
    if not path.exists():
        record = read(dataset, steps, part(progress, 0.0, 0.3), cancelled)

        def report_share(share: float) -> None:
            report(part(progress, 0.3, 1.0), cancelled, share, "fitting the climatology")

        climatology, _ = fit(record, config, report_share)
        values = climatology._asdict()
        # Slopes are the bulk of the file; half precision changes a map by less than 0.01 ug m-3.
        keep({**values, "slopes": climatology.slopes.half()}, path)
    with safe_open(path, "pt") as file:
        sha256 = file.metadata()["sha256"]
    return Learned(path, last.item(), sha256)


def steps_to_learn(
    dataset: xr.Dataset, about: DatasetInfo, train_end: dt.date | None
) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Time steps to learn from: the training part, thinned evenly where it is too long to hold.

    Raises:
        RequestError: If it is too short, or the grid too large.
    """
    end = train_end or about.train_end
    dates = days.local_dates(dataset)
    steps = np.flatnonzero(dates <= np.datetime64(end, "D")) if end else np.array([], dtype=np.intp)
    years = np.unique(dates[steps].astype("datetime64[Y]")).size
    if years < LEAST_YEARS:
        raise RequestError(
            "the training part has {years} of the {least_years} calendar years that learning "
            "by regression takes",
            where=about.name,
            remedy="Set a later --train-end, or take bicubic-ratio",
            years=years,
            least_years=LEAST_YEARS,
        )
    cells = dataset.sizes["latitude"] * dataset.sizes["longitude"]
    most = MOST_VALUES // cells
    if most < LEAST_FRAMES:
        raise RequestError(
            "a grid of {cells} cells is too large to learn from by regression",
            where=about.name,
            remedy="Import a smaller part of it, or take bicubic-ratio",
            cells=cells,
        )
    return steps[:: -(-steps.size // most)]


def read(
    dataset: xr.Dataset,
    steps: np.ndarray[tuple[int], np.dtype[np.intp]],
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> Record:
    """Time steps of a dataset as tensors, coarse maps made from the fine ones."""
    coarse, fine = [], []
    for i, step in enumerate(steps):
        report(progress, cancelled, i / steps.size, "reading the training part")
        chunk = dataset[["pm2p5"]].isel(valid_time=[step]).load()
        coarse.append(torch.from_numpy(pairs.degrade(chunk)["coarse"].values))
        fine.append(torch.from_numpy(np.ascontiguousarray(pairs.target_of(chunk).values)))
    coarse_all, fine_all = torch.cat(coarse), torch.cat(fine)
    dates = days.local_dates(dataset)[steps]
    months = dates.astype("datetime64[M]")
    within = (dates - months).astype(int) / 31.0
    years = 1970 + (months.astype(int) + within) / 12
    return Record(
        coarse_all.nan_to_num(nan=0.0),
        coarse_all.isfinite(),
        fine_all.nan_to_num(nan=0.0),
        fine_all.isfinite(),
        torch.from_numpy(years),
        dates,
    )


def fit(
    record: Record,
    config: RegressionConfig,
    report_share: Callable[[float], None] = lambda share: None,
) -> tuple[PlaceClimatology, Parts]:
    """What the record teaches, and its own maps with each year left out."""
    return learn(
        record.coarse,
        record.mask,
        record.fine,
        record.fine_mask,
        # Small numbers, so that float32 keeps months apart.
        (record.years - float(np.floor(float(record.years[0])))).float(),
        config,
        report_share,
    )
