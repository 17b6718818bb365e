"""What a comparison counts of each system: errors with and without exact means, spectra, maps."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.core.progress import Progress, Stop, report
from engine.core.schema import grid_of
from engine.inference.run import Run
from engine.superresolution.networks.masking import conserve
from engine.verify.metric_tables import COMPARISON_RECORD
from engine.verify.metrics import Sums, metrics, sums
from engine.verify.spectra import cell_km, spectrum

PICTURES = "pictures"
Values = NDArray[np.float32]


@dataclass
class Tally:
    """What is added up over the test dates."""

    plain: Sums = field(default_factory=Sums)
    exact: Sums = field(default_factory=Sums)
    seconds: float = 0.0
    spectrum: NDArray[np.float64] | None = None
    target: NDArray[np.float64] | None = None
    wavelength: NDArray[np.float64] | None = None
    absolute: NDArray[np.float64] | None = None
    dates: int = 0


def score(
    run: Run, dates: Sequence[dt.date], progress: Progress | None, cancelled: Stop | None
) -> Tally:
    """Predict each date with a system, and add up what came of it."""
    tally = Tally()
    cell = cell_km(grid_of(run.dataset))
    for i, date in enumerate(dates):
        report(progress, cancelled, i / len(dates), f"map of {date}")
        result = run.predict(date)
        fine, target = result["pm2p5"].values[0], result["target"].values[0]
        valid = np.isfinite(target)
        tally.plain += sums(fine, target, valid)
        tally.exact += sums(exact_means(fine, result["coarse"].values[0], valid), target, valid)
        tally.seconds += float(result.attrs["seconds"])
        shown = np.where(valid, fine, np.nan)
        one, other = spectrum(shown, cell), spectrum(np.where(valid, target, np.nan), cell)
        tally.wavelength = one.wavelength
        tally.spectrum = one.power + (0 if tally.spectrum is None else tally.spectrum)
        tally.target = other.power + (0 if tally.target is None else tally.target)
        away = np.abs(fine - target).astype(np.float64)
        tally.absolute = away + (0 if tally.absolute is None else tally.absolute)
        tally.dates += 1
    return tally


def exact_means(fine: Values, coarse: Values, valid: NDArray[np.bool_]) -> Values:
    """A map moved to the nearest one whose block means are the coarse map's.

    A projection onto a set that the truth lies in: the squared error cannot grow.

    Args:
        fine: (8h, 8w) in ug m-3; anything where `valid` is False.
        coarse: (h, w); NaN where no fine cell is valid.
        valid: Cells that a block mean is taken over.
    """
    planes = [torch.from_numpy(np.nan_to_num(z))[None, None, None] for z in (fine, coarse)]
    moved = conserve(
        planes[0], planes[1], torch.from_numpy(np.ascontiguousarray(valid))[None, None]
    )
    answer: Values = moved[0, 0, 0].numpy()
    return answer


def row(tally: Tally) -> dict[str, Any]:
    """What is kept of a tally."""
    kept: dict[str, Any] = {"dates": tally.dates, "seconds_a_map": tally.seconds / tally.dates}
    for name, total in (("as_it_is", tally.plain), ("exact_means", tally.exact)):
        found = metrics(total)
        kept[name] = {m: float(found[m]) for m in COMPARISON_RECORD if np.isfinite(found[m])}
        kept[name]["n"] = total.n
    for name in ("wavelength", "spectrum", "target"):
        values = getattr(tally, name)
        scale = 1 if name == "wavelength" else tally.dates
        kept[name] = [float(f"{v:.5g}") for v in values / scale]
    return kept


def keep_picture(folder: Path, name: str, values: Values, tally: Tally | None) -> None:
    """The winter day's map, and the mean absolute error of each cell, for the pictures."""
    place = folder / PICTURES
    place.mkdir(parents=True, exist_ok=True)
    np.save(place / f"{name}.npy", values.astype(np.float16), allow_pickle=False)
    if tally is not None and tally.absolute is not None:
        mean = (tally.absolute / tally.dates).astype(np.float16)
        np.save(place / f"{name}-error.npy", mean, allow_pickle=False)
