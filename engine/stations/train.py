"""Training the reanalysis network on a station dataset of the library, to a checkpoint and card."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import numpy as np
import torch
import xarray as xr

from engine import library
from engine.core import dates as days
from engine.core.errors import RequestError
from engine.core.progress import Progress, Stop
from engine.core.valid_means import HOURS_OF_A_DAY
from engine.library import DatasetInfo
from engine.stations import weights as stationcheckpoint
from engine.stations.covariance import Network, fit_covariance
from engine.stations.networks.advected_kriging import TransportCovariance
from engine.stations.networks.knn import great_circle_km
from engine.stations.networks.neighbourhood import Record, nearest, offsets
from engine.stations.networks.reanalysis import Base, Reanalysis, ReanalysisConfig
from engine.stations.record import OTHERS, estimate, record_of, whole_axis
from engine.stations.train_steps import StationTraining, fit_air, train_all
from engine.stations.weights import StationCheckpoint
from engine.training.weights_folder import identity
from engine.verify.metrics import of_errors

LAGS = {"hour": (-12, -6, -3, -2, -1, 0, 1, 2, 3, 6, 12), "day": (-2, -1, 0, 1, 2)}
# What is corrected: over a city readings differ by amounts, over a country by factors. And how many
# stations are looked at: those of a country are far apart. See docs/decisions/0066.
BASES: dict[str, Base] = {"hour": "carried", "day": "log-kriging"}
NEIGHBOURS = {"hour": 12, "day": 24}
# How many neighbours play at being hidden: of a country most, so that being far is learned.
MOST_HIDDEN = {"hour": 0.4, "day": 0.8}
# Between parts, more steps than any lag: no reading is seen from both sides.
GAP_STEPS = {"hour": 72, "day": 7}
OUTER = 1.6449  # half-width of a normal's central 90 %
MOST_ERRORS = 40_000  # that calibration looks at
FEWEST_ERRORS = 20
STATE = "state"


@dataclass(frozen=True)
class TrainedStations:
    """What came of a run.

    Attributes:
        folder: Where the checkpoint is; None if the run was stopped before its end.
        step: How far it got.
        coverage: Share of the calibration part's errors in the 50 and 90 % intervals.
        rmse: There, each station from the others, ug m-3.
    """

    folder: Path | None
    step: int
    coverage: tuple[float, float] = (float("nan"), float("nan"))
    rmse: float = float("nan")


@dataclass(frozen=True)
class Calibration:
    """What turns error scales into standard deviations.

    Attributes:
        factor: See `StationCheckpoint`.
        day_factor: See there.
        inner: See there.
        coverage: Of the 50 and 90 % intervals.
        rmse: Of the values, ug m-3.
    """

    factor: float
    day_factor: float
    inner: float
    coverage: tuple[float, float]
    rmse: float


def training_for(period: str, steps: int | None = None, seed: int = 0) -> StationTraining:
    """How a network for readings of one hour or one day is trained."""
    config = StationTraining(seed=seed, most_hidden=MOST_HIDDEN.get(period, MOST_HIDDEN["hour"]))
    return config if steps is None else replace(config, steps=steps)


def shape_for(
    record: Record,
    period: str,
    end: int,
    names: Sequence[str] = OTHERS,
    air: tuple[float, ...] | None = None,
) -> ReanalysisConfig:
    """The network's shape for a network of stations; the covariance from the steps before `end`.

    Args:
        record: Of the stations that are learned from.
        period: Its averaging time.
        end: Of what is learned from.
        names: Of the record's other variables; those that nobody measured are left out.
        air: Of kriging carried with the wind, if it was fitted before.
    """
    steps = 24 if period == "hour" else 0
    measured = record.others.isfinite().flatten(0, 1).any(0)
    others = tuple(name for name, there in zip(names, measured, strict=True) if there)
    network, base = plain_network(record), BASES[period]
    network = network.logarithms() if base == "log-kriging" else network
    covariance = fit_covariance(network, range(len(record.places)), end)
    shape = ReanalysisConfig(
        lags=LAGS[period],
        others=others,
        width=32,
        inner=64,
        neighbours=NEIGHBOURS[period],
        base=base,
        reach=round(covariance.range_km, 1),
        nugget=round(covariance.nugget, 4),
        spacing=round(spacing_km(record), 1),
        clock=steps,
        dropout=0.2,
        bound=0.4,
    )
    if base != "carried":
        return shape
    return replace(shape, air=air or astuple(fit_air(shape, record, 0, end)))


def plain_network(record: Record) -> Network:
    """A record as the baselines want it, on a plane that touches the earth at its middle."""
    middle = record.places.mean(0)
    east_north = offsets(middle, record.places)
    return Network(
        record.readings.double().numpy(),
        east_north.double().numpy(),
        record.others.double().numpy(),
        record.clock.double().numpy(),
    )


def spacing_km(record: Record, near: int = 4) -> float:
    """Median distance from a station to its nearest few, km; at least 1."""
    which = nearest(record.places, record.places, near, themselves=True)
    distance = great_circle_km(record.places, record.places).gather(1, which)
    return max(float(distance.median()), 1.0)


def train_aqnet(
    name: str,
    folder: Path,
    *,
    config: StationTraining | None = None,
    train_end: dt.date | None = None,
    validate_end: dt.date | None = None,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> TrainedStations:
    """Train on a station dataset, or go on with a run that was stopped; write the checkpoint.

    Args:
        name: A station dataset of the library, hourly or daily.
        folder: For the checkpoint and the state of the run.
        config: How to train.
        train_end: Last local date to learn from; None: the dataset's own.
        validate_end: Last local date to calibrate intervals on; None: half of what follows.
        progress: Called with the share done.
        cancelled: Looked at between steps; the state stays and the run can go on.

    Raises:
        EngineError: If the dataset cannot be learned from, or the folder not written.
    """
    about = library.info(name)
    config = config or training_for(about.period)
    if about.kind != "stations" or about.period not in LAGS or about.shape.get("station", 0) < 3:
        raise RequestError(
            "AQ-Net learns from three or more stations with hourly or daily readings, and "
            "{name!r} holds {kind} of one {period}",
            remedy="Choose a dataset of stations; airlens datasets lists them",
            name=name,
            kind=about.kind,
            period=about.period,
        )
    dataset = whole_axis(library.open_dataset(name).load())
    learn, later, ends = _parts(dataset, about, train_end, validate_end)
    record = record_of(dataset, OTHERS)
    shape = shape_for(record, about.period, learn)
    record = record_of(dataset, shape.others)
    network, steps = train_all(
        config,
        shape,
        record,
        0,
        learn,
        folder / STATE,
        identity=f"{identity(record.readings)} {shape} {learn}",
        progress=progress,
        cancelled=cancelled,
    )
    if network is None:
        return TrainedStations(None, steps)
    calibration = calibrate(network, record, later, hourly=about.period == "hour")
    described = StationCheckpoint(
        network=stationcheckpoint.fields(shape),
        period=about.period,
        factor=calibration.factor,
        day_factor=calibration.day_factor,
        inner=calibration.inner,
        trained_on=about.source,
        synthetic=about.synthetic,
        stations=len(record.places),
        train_start=about.start.isoformat(),
        train_end=ends[0].isoformat(),
        calibrate_end=ends[1].isoformat(),
        licence=about.licence,
        seed=config.seed,
        steps=config.steps,
        members=config.members,
    )
    text = card(described, about, network, config, calibration)
    stationcheckpoint.save(folder, described, network, text)
    return TrainedStations(folder, steps, calibration.coverage, calibration.rmse)


def calibrate(
    network: Reanalysis,
    record: Record,
    later: tuple[int, int],
    *,
    hourly: bool,
    requested: Sequence[int] | None = None,
) -> Calibration:
    """Each station from the others in later hours: how large errors are against their scale.

    Args:
        network: In evaluation mode.
        record: Of all stations.
        later: Time steps, from and to.
        hourly: Whether daily means of hourly estimates are calibrated too.
        requested: Stations that are predicted; None: all. Where the network has learned from them,
            its intervals will hold a little less at places it has never seen.

    Raises:
        RequestError: If there are hardly any readings.
    """
    chosen = torch.tensor(list(range(len(record.places)) if requested is None else requested))
    step = 24 if hourly else 1
    blocks = np.arange(later[0], later[1] - step + 1, step)
    most = max(MOST_ERRORS // (step * len(chosen)), 1)
    blocks = blocks[:: max(len(blocks) // most, 1)]
    times = torch.from_numpy((blocks[:, None] + np.arange(step)).reshape(-1))
    near = nearest(record.places, record.places, network.config.neighbours, themselves=True)
    with torch.inference_mode():
        estimated = estimate(network, record, times, near[chosen], record.places[chosen], chosen)
    shape = (len(blocks), step, len(chosen))
    value, scale = estimated.value.reshape(shape), estimated.scale.reshape(shape)
    target = record.readings[times][:, chosen].reshape(shape)
    error = value - target
    known = error.isfinite()
    if int(known.sum()) < FEWEST_ERRORS:
        raise RequestError(
            "there are hardly any readings after the training part to calibrate intervals on",
            remedy="Set an earlier --train-end, or a later --validate-end",
        )
    away = (error.abs() / scale)[known]
    factor = _reach(away, 0.9) / OUTER
    inner = _reach(away, 0.5) / factor
    # A daily mean is of the hours that were measured, 20 or more of them.
    enough = known.sum(1) >= HOURS_OF_A_DAY * step // 24
    mean_error = torch.where(known, error, 0).sum(1) / known.sum(1).clamp(min=1)
    day_away = (mean_error.abs() / scale.mean(1))[enough]
    day_away = day_away[day_away.isfinite()]
    day = _reach(day_away, 0.9) / OUTER if hourly and len(day_away) else factor
    held = (
        float((away <= inner * factor).double().mean()),
        float((away <= OUTER * factor).double().mean()),
    )
    rmse = of_errors("rmse", error.numpy(force=True))
    return Calibration(factor, day, inner, held, rmse)


def _reach(away: torch.Tensor, share: float) -> float:
    return float(away.double().sort().values[int(share * (len(away) - 1))])


def _parts(
    dataset: xr.Dataset,
    about: DatasetInfo,
    train_end: dt.date | None,
    validate_end: dt.date | None,
) -> tuple[int, tuple[int, int], tuple[dt.date, dt.date]]:
    """End of what is learned from, the later part, and the last local dates of both."""
    dates = days.local_dates(dataset)
    end = train_end or about.train_end
    learn = int(np.searchsorted(dates, np.datetime64(end, "D"), "right")) if end else 0
    first = learn + GAP_STEPS[about.period]
    last = (first + len(dates)) // 2
    if validate_end is not None:
        last = int(np.searchsorted(dates, np.datetime64(validate_end, "D"), "right"))
    if learn < 2 * GAP_STEPS[about.period] or not first < last <= len(dates):
        raise RequestError(
            "{learn} time steps to learn from and {last} to calibrate on are too few; data go "
            "from {start} to {end}",
            where=about.name,
            remedy="Set another --train-end",
            learn=learn,
            last=max(last - first, 0),
            start=about.start,
            end=about.end,
        )
    return learn, (first, last), (dates[learn - 1].item(), dates[last - 1].item())


def card(
    about: StationCheckpoint,
    data: DatasetInfo,
    network: Reanalysis,
    config: StationTraining,
    calibration: Calibration,
) -> str:
    """The model card in Markdown."""
    shape = network.config
    west, south, east, north = data.bounds or (float("nan"),) * 4
    unit = "h" if about.period == "hour" else "days"
    rows = {
        "trained on": f"{about.trained_on} ({data.name})",
        "licence of the data": about.licence,
        "averaging time": about.period,
        "stations": f"{about.stations} in {west:.2f}–{east:.2f}° E, {south:.2f}–{north:.2f}° N, "
        f"distances in units of {shape.spacing:g} km",
        "learned from": f"{about.train_start} to {about.train_end}",
        **({"kept out": ", ".join(about.held_out)} if about.held_out else {}),
        "intervals from": f"later dates to {about.calibrate_end}; nothing after was looked at"
        + (", at the stations kept out" if about.held_out else ""),
        "sees": f"{shape.neighbours} nearest stations at {', '.join(map(str, shape.lags))} {unit}"
        + (f"; where measured: {', '.join(shape.others)}" if shape.others else ""),
        "corrects": _corrected(shape),
        "network": f"{sum(p.numel() for p in network.parameters()):,} parameters"
        + (f" in {config.members} networks, whose mean is predicted" if config.members > 1 else ""),
        "training": f"{config.steps} steps of {config.batch}, seed {config.seed}",
        "RMSE there": f"{calibration.rmse:.2f} µg/m³, each of these stations from all others",
        "intervals": f"50 % hold {calibration.coverage[0]:.0%}, 90 % hold "
        f"{calibration.coverage[1]:.0%} there, by construction",
    }
    return "\n".join(
        [
            f"# AQ-Net reanalysis weights: {data.name}",
            "",
            *(["**Synthetic data**: these weights know a simulated world.", ""] * about.synthetic),
            "Fills in PM2.5 where there is no station, from those around, in hours that are over: "
            "later readings are used as well as earlier ones.",
            "",
            "| | |",
            "|---|---|",
            *(f"| {name} | {value} |" for name, value in rows.items()),
            "",
            "**Where not to believe it.** Far from every station. Terrain and sources unlike those "
            "around the stations it learned from: it has never seen a mountain or a street."
            + (
                ""
                if about.held_out
                else " Intervals were calibrated at stations it learned from; elsewhere they hold "
                "a little less than they say."
            )
            + " Scores at stations it never saw are in `docs/results/aqnet.md`.",
            "",
            "Source: after Kheder et al. 2025, arXiv:2502.11941. Departures are listed in "
            "`engine/stations/networks/reanalysis.py`.",
            "",
        ]
    )


def _corrected(shape: ReanalysisConfig) -> str:
    """What the network begins with, in words."""
    if shape.base == "idw":
        return f"inverse distance, exponent {shape.exponent:g} to begin with"
    if shape.base == "carried":
        air = TransportCovariance(*shape.air)
        share = air.share / (1 + air.share)
        return (
            f"kriging carried with the wind: {share:.0%} of what stations share travels, at "
            f"{air.speed:.2g} times the measured wind, reaching {air.reach:.0f} km and "
            f"{air.memory:.0f} h; the rest stays, reaching {air.still_reach:.0f} km and "
            f"{air.still_memory:.0f} h"
        )
    of = " of logarithms around the level of all stations" if shape.base == "log-kriging" else ""
    return (
        f"kriging{of}, covariance falling to a third over {shape.reach:g} km, nugget "
        f"{shape.nugget:g}"
    )
