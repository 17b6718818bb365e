"""From a dataset to what a network learns from: series, their base maps and guidance.

The training part ends at `train_end`, the validation part at `validate_end`; what comes after is
never looked at. Means, ratios and slopes come from the training part alone.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from engine import library
from engine.core import dates as days
from engine.core.errors import RequestError
from engine.core.grid import Grid
from engine.core.progress import Progress, Stop, part, report
from engine.core.schema import Period, grid_of
from engine.core.variables import ALTITUDE
from engine.library import DatasetInfo
from engine.superresolution import static as planes_of
from engine.superresolution.batches import Series
from engine.superresolution.networks.regression import (
    LocalRegression,
    Parts,
    PlaceClimatology,
    RegressionConfig,
    plain,
)
from engine.superresolution.recipe_airstfm import (
    climatology_planes,
    planes_without_climatology,
    static_planes,
)
from engine.superresolution.regression_fit import Record, fit, read
from engine.superresolution.regression_limits import LEAST_YEARS, MOST_VALUES
from engine.superresolution.static import Plane, Spread
from engine.superresolution.weights import Base
from engine.training.weights_folder import identity

# Block corners of further looks at the same maps, in fine cells: each is new to the network.
BLOCK_OFFSETS = ((0, 0), (4, 4), (2, 6), (6, 2), (4, 0), (0, 4), (6, 6), (2, 2))


# Share of the frames that are looked at a second time, as if there were no climatology.
WITHOUT_CLIMATOLOGY = 4


@dataclass(frozen=True)
class Source:
    """What the frames are, for the model card.

    Attributes:
        name: Of the dataset.
        words: Where it comes from.
        licence: Of the data.
        period: Averaging time.
        place: Grid and extent, in words.
        synthetic: Whether it is simulated.
        judged: What decided when to stop, if it is not later dates.
        looks: What the training series are, if they are not block corners.
        base: What the network adds to, if it is not the usual one of its kind.
    """

    name: str
    words: str
    licence: str
    period: Period
    place: str
    synthetic: bool
    judged: str = ""
    looks: str = ""
    base: str = ""


@dataclass(frozen=True)
class Examples:
    """What a training run needs of a dataset.

    Attributes:
        source: What it is.
        training: Series to learn from.
        validation: Series to stop by.
        training_without_climatology: Some of the training again, without climatology.
        validation_without_climatology: The validation again, without climatology.
        mean: Of the training part's coarse maps, ug m-3.
        std: Of them too.
        base: What the network adds to.
        train_start: First date learned from.
        train_end: Last date learned from.
        validate_end: Last date that decides anything.
        climatology: To be kept with the weights, with its grid; None: each dataset's own is used.
        calibration: Series to size the intervals by; none: the validation.
        calibration_without_climatology: The same, without climatology.
        static_fields: Static fields that guide too, the last of each series' guidance.
        scale: Of each of them, from the cells of the training part.
        months: 1 to 12, of the frames of each series that sizes the intervals.
    """

    source: Source
    training: tuple[Series, ...]
    validation: tuple[Series, ...]
    training_without_climatology: tuple[Series, ...]
    validation_without_climatology: tuple[Series, ...]
    mean: float
    std: float
    base: Base
    train_start: dt.date
    train_end: dt.date
    validate_end: dt.date
    climatology: tuple[PlaceClimatology, Grid] | None = None
    calibration: tuple[Series, ...] = ()
    calibration_without_climatology: tuple[Series, ...] = ()
    static_fields: tuple[Plane, ...] = ()
    scale: tuple[Spread, ...] = ()
    months: tuple[tuple[int, ...], ...] = ()

    @property
    def identity(self) -> str:
        """Of all tensors, to distinguish this run from others."""
        return identity(*(s.fine for s in (*self.training, *self.validation)))


def prepare(
    dataset: xr.Dataset,
    about: DatasetInfo,
    *,
    train_end: dt.date | None = None,
    validate_end: dt.date | None = None,
    block_offsets: int = 1,
    regress: bool = True,
    fraction: float = 1.0,
    static_fields: Sequence[Plane] = (),
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> Examples:
    """Training and validation series of a gridded dataset.

    With five calendar years of training or more, the network learns to correct the regression of
    `engine.superresolution.networks.regression`, each year mapped without itself; with fewer, its
    own bilinear map.

    Args:
        dataset: As the library opens it.
        about: Its record.
        train_end: Last local date to learn from; None: the dataset's own.
        validate_end: Last local date to validate on; None: half of what follows the training.
        block_offsets: How many corners to count blocks from, 1 to 8.
        regress: Whether to learn the regression; without, the base is the bilinear map.
        fraction: Share of the training part to learn from, counted from its start.
        static_fields: Static fields that are to guide (`engine.superresolution.static`).
        progress: Called while preparing.
        cancelled: Looked at while preparing.

    Raises:
        RequestError: If a part is empty, the record too large, or without a requested plane.
    """
    dates = days.local_dates(dataset)
    first, second = _parts(dates, about, train_end, validate_end)
    first = first[: max(1, round(fraction * first.size))]
    values = dataset.sizes["latitude"] * dataset.sizes["longitude"] * (first.size + second.size)
    if values > 2 * MOST_VALUES:
        raise RequestError(
            "{values} million values are too many to hold while training",
            where=about.name,
            remedy="Import a smaller region or fewer dates",
            values=f"{values / 1000000.0:.0f}",
        )
    base: Base = (
        "regression"
        if regress and np.unique(dates[first].astype("datetime64[Y]")).size >= LEAST_YEARS
        else "bilinear"
    )
    training: list[Series] = []
    validation: list[Series] = []
    without_climatology: tuple[tuple[Series, ...], tuple[Series, ...]] = ((), ())
    mean = std = 0.0
    if "elevation" in static_fields and ALTITUDE not in dataset.variables:
        raise RequestError(
            "the dataset brings no surface altitude to be guided by",
            where=about.name,
            remedy="Leave elevation out, or import maps with a variable surface_altitude in m",
        )
    fixed = planes_of.planes(static_fields, grid_of(dataset), dataset)
    scale: tuple[Spread, ...] = ()
    for i, (down, right) in enumerate(BLOCK_OFFSETS[:block_offsets]):
        stage = part(progress, i / block_offsets, (i + 1) / block_offsets)
        shifted = dataset.isel(latitude=slice(down, None), longitude=slice(right, None))
        record = read(shifted, first, part(stage, 0.0, 0.3), cancelled)
        if i == 0:
            known = record.coarse[record.mask]
            mean, std = float(known.mean()), float(known.std())
            scale = planes_of.spreads(_inside(fixed, record), record.fine_mask.any(0).numpy())
        beside = planes_of.standard(_inside(fixed[:, down:, right:], record), scale)
        network: LocalRegression | None = None
        parts: Parts | None = None
        if base == "regression":
            stage_progress = part(stage, 0.3, 0.9)

            def learning(share: float, stage_progress: Progress | None = stage_progress) -> None:
                report(stage_progress, cancelled, share, "fitting the climatology")

            known_climatology, parts = fit(record, RegressionConfig(), learning)
            network = LocalRegression(known_climatology)
        training.append(series_of(record, parts, mean, std, beside))
        if i == 0:
            later = read(shifted, second, part(stage, 0.9, 1.0), cancelled)
            validation.append(series_of(later, _mapped(network, later), mean, std, beside))
            if base == "regression":
                few = cut(record, slice(0, first.size // WITHOUT_CLIMATOLOGY))
                without_climatology = (
                    (series_without_climatology(few, mean, std, beside),),
                    (series_without_climatology(later, mean, std, beside),),
                )
    return Examples(
        source_of(about),
        tuple(training),
        tuple(validation),
        *without_climatology,
        mean,
        std,
        base,
        dates[first[0]].item(),
        dates[first[-1]].item(),
        dates[second[-1]].item(),
        static_fields=tuple(static_fields),
        scale=scale,
        months=(months_of(dates[second]),),
    )


def months_of(dates: days.Dates) -> tuple[int, ...]:
    """The month of each date, 1 to 12."""
    return tuple((dates.astype("datetime64[M]").astype(np.int64) % 12 + 1).tolist())


def _inside(values: planes_of.Field, record: Record) -> planes_of.Field:
    """Planes on the whole blocks of a record, counted from their north-west corner."""
    rows, columns = record.fine.shape[-2:]
    return values[:, :rows, :columns]


def from_library(
    name: str,
    title: str,
    *,
    train_end: dt.date | None = None,
    validate_end: dt.date | None = None,
    block_offsets: int = 1,
    regress: bool = True,
    static_fields: Sequence[Plane] = (),
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> Examples:
    """`prepare` for a dataset of the library.

    Args:
        name: Of the dataset.
        title: Of the network that is to learn, for the reader.
        train_end: As for `prepare`, like all that follow.
        validate_end: Last local date to validate on.
        block_offsets: How many corners to count blocks from.
        regress: Whether to learn the regression.
        static_fields: Static fields that are to guide.
        progress: Called while preparing.
        cancelled: Looked at while preparing.

    Raises:
        EngineError: If there is no such dataset, or it cannot be learned from.
        Cancelled: If it was.
    """
    about = library.info(name)
    if about.kind != "grid":
        raise RequestError(
            "{title} learns from grids and {name!r} holds {kind}",
            remedy="Choose a gridded dataset; airlens datasets lists them",
            title=title,
            name=name,
            kind=about.kind,
        )
    return prepare(
        library.open_dataset(name),
        about,
        train_end=train_end,
        validate_end=validate_end,
        block_offsets=block_offsets,
        regress=regress,
        static_fields=static_fields,
        progress=progress,
        cancelled=cancelled,
    )


def source_of(about: DatasetInfo) -> Source:
    """What a dataset of the library is, for the card."""
    bounds = ", ".join(f"{edge:g}" for edge in about.bounds or ())
    place = (
        f"{about.shape.get('latitude')} × {about.shape.get('longitude')} cells; west, south, "
        f"east, north {bounds}"
    )
    return Source(about.name, about.source, about.licence, about.period, place, about.synthetic)


def _parts(
    dates: days.Dates, about: DatasetInfo, train_end: dt.date | None, validate_end: dt.date | None
) -> tuple[np.ndarray[tuple[int], np.dtype[np.intp]], np.ndarray[tuple[int], np.dtype[np.intp]]]:
    """Time steps of the training and the validation part."""
    end = train_end or about.train_end
    first = np.flatnonzero(dates <= np.datetime64(end, "D")) if end else np.array([], dtype=np.intp)
    after = np.flatnonzero(dates > np.datetime64(end, "D")) if end else np.array([], dtype=np.intp)
    second = (
        after[dates[after] <= np.datetime64(validate_end, "D")]
        if validate_end
        else after[: (after.size + 1) // 2]
    )
    if first.size == 0 or second.size == 0:
        raise RequestError(
            "{size} time steps to learn from and {size_2} to validate on",
            where=about.name,
            remedy="Set --train-end and --validate-end inside the record, in this order",
            size=first.size,
            size_2=second.size,
        )
    return first, second


def cut(record: Record, frames: slice) -> Record:
    """Some frames of a record."""
    return Record(*(getattr(record, name)[frames] for name in Record.__dataclass_fields__))


def _mapped(network: LocalRegression | None, record: Record) -> Parts | None:
    """The regression's maps of frames that it did not learn from."""
    if network is None:
        return None
    month = torch.tensor(months_of(record.dates))
    with torch.inference_mode():
        parts = network.parts(
            record.coarse[None, :, None],
            record.mask[None],
            fine_mask=record.fine_mask[None],
            month=month[None],
        )
    return Parts(*(z.clone() for z in parts))


def series_of(
    record: Record, parts: Parts | None, mean: float, std: float, beside: Tensor | None = None
) -> Series:
    """A record in the network's normalisation, 0 where there is no data.

    Args:
        record: What there is.
        parts: The regression's maps of it; None: it has no base map.
        mean: Of the training part, ug m-3.
        std: Of the training part, ug m-3.
        beside: Static fields (k, H, W) that guide as well.
    """
    mask, fine_mask = _once(record.mask), _once(record.fine_mask)

    def normal(values: Tensor, where: Tensor) -> Tensor:
        return torch.where(where, (values - mean) / std, 0)

    climatology = None if parts is None else climatology_planes(parts, mean, std, record.fine_mask)
    return Series(
        normal(record.coarse, record.mask),
        mask,
        normal(record.fine, record.fine_mask),
        fine_mask,
        None if parts is None else (parts.map - mean) / std,
        _guide(climatology, beside, fine_mask),
    )


def series_without_climatology(
    record: Record, mean: float, std: float, beside: Tensor | None = None
) -> Series:
    """A record without its climatology; arguments as for `series_of`."""
    base = plain(record.coarse, record.mask, record.fine_mask)
    seen = series_of(record, None, mean, std)
    climatology = planes_without_climatology(base, mean, std, record.fine_mask)
    guide = _guide(climatology, beside, seen.fine_mask)
    return replace(seen, base=(base - mean) / std, guide=guide)


def _guide(climatology: Tensor | None, beside: Tensor | None, fine_mask: Tensor) -> Tensor | None:
    """Planes of the climatology, then static fields, in half precision."""
    if beside is None or not len(beside):
        return None if climatology is None else climatology.half()
    static_fields = static_planes(beside, fine_mask)
    if climatology is None:
        return static_fields.half()
    return torch.cat((climatology, static_fields.expand(len(climatology), -1, -1, -1)), 1).half()


def _once(mask: Tensor) -> Tensor:
    return mask[:1].clone() if bool((mask == mask[:1]).all()) else mask
