"""Training STeP-Diff on a mobile dataset of the library, to a checkpoint and a card.

The physics in the loss is our reconstruction of what the paper's abstract states.
"""

import datetime as dt
from dataclasses import dataclass, replace
from pathlib import Path

from engine import library
from engine.core.errors import RequestError
from engine.core.grid import Region
from engine.core.progress import Progress, Stop, report
from engine.forecast import weights as stepcheckpoint
from engine.forecast.calibration import Calibration, calibrate
from engine.forecast.card import card
from engine.forecast.examples import begin, make_examples, textured
from engine.forecast.networks.stepdiff import StepDiffConfig
from engine.forecast.record import gridded, parts_of, record_of
from engine.forecast.train_steps import StepTraining, train
from engine.forecast.weights import StepCheckpoint
from engine.library.stations import stations_named
from engine.training.curve import picture
from engine.training.weights_folder import identity

STATE = "state"
# The preset that ships: two cores draw twenty members of a hundred cells in seconds.
SMALL = StepDiffConfig(
    blocks=2,
    channels=32,
    heads=2,
    places="coordinates",
    dropout=0.0,
    predicts="velocity",
    common=0.5,
    smooth=0.3,
    memory=6.0,
)  # fmt: skip - the last three are the city's own once it is known
SMALL_TRAINING = StepTraining(steps=600, patch=6, flip=0.5, check_every=100, members=3)
# As published, on the same first guess.
PAPER = StepDiffConfig(places="coordinates", deeponet_dropout=0.0)
PAPER_TRAINING = StepTraining(steps=8000, patch=8, flip=0.5, check_every=500)
SIZES = {"small": (SMALL, SMALL_TRAINING), "paper": (PAPER, PAPER_TRAINING)}


@dataclass(frozen=True)
class TrainedStep:
    """What came of a run.

    Attributes:
        folder: Where the checkpoint is; None if the run was stopped before its end.
        step: How far it got.
        found: Over the validation part; None if it was stopped.
    """

    folder: Path | None
    step: int
    found: Calibration | None = None


def train_stepdiff(
    name: str,
    folder: Path,
    *,
    size: str = "small",
    shape: StepDiffConfig | None = None,
    config: StepTraining | None = None,
    steps: int | None = None,
    seed: int = 0,
    region: Region | None = None,
    train_end: dt.date | None = None,
    validate_end: dt.date | None = None,
    stations: str = "",
    wind: str = "",
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> TrainedStep:
    """Train on a mobile dataset, or go on with a run that was stopped; write the checkpoint.

    Args:
        name: A mobile dataset of the library.
        folder: For the checkpoint and the state of the run.
        size: "small" or "paper".
        shape: Of the network; None: as the size says. Rows and columns are the dataset's.
        config: How to train; None: as the size says.
        steps: Of the optimiser; None: as the size says.
        seed: Of whatever is drawn.
        region: Part of the dataset; None: all.
        train_end: Last local date to learn from; None: the dataset's own, else two thirds.
        validate_end: Last local date to validate on; None: at four fifths.
        stations: Dataset of fixed stations that it uses; empty: none.
        wind: Dataset of stations whose wind it uses; empty: none.
        progress: Called with the share done.
        cancelled: Looked at between steps; the state stays and the run can go on.

    Raises:
        EngineError: If the dataset cannot be learned from, or the folder not written.
    """
    about = library.info(name)
    if about.kind != "mobile":
        raise RequestError(
            "STeP-Diff learns from mobile samples, and {name!r} holds {kind}",
            remedy="Import some: airlens import mobile FILE --name NAME",
            name=name,
            kind=about.kind,
        )
    preset, usual = SIZES[size]
    config = replace(config or usual, seed=seed)
    config = config if steps is None else replace(config, steps=steps)
    report(progress, cancelled, 0.0, "cutting windows")
    series = gridded(library.open_dataset(name).load(), region, name=name)
    record = record_of(
        series, stations_named(stations, "--stations"), stations_named(wind, "--wind")
    )
    parts = parts_of(series, about, train_end, validate_end)
    rows, columns = record.grid
    shape = replace(
        shape or preset, rows=rows, columns=columns, stations=bool(stations), wind=bool(wind)
    )
    data = make_examples(record, parts, shape)
    shape = textured(shape, data)
    network = begin(shape, data, config.seed)
    counters = train(
        config,
        network,
        data.training,
        data.validation,
        record.grid,
        data.change,
        folder / STATE,
        identity=f"{identity(record.values.nan_to_num(-1.0))} {shape} {parts}",
        progress=progress,
        cancelled=cancelled,
    )
    if not counters.over:
        return TrainedStep(None, counters.step)
    calibration = calibrate(network, data)
    described = StepCheckpoint(
        network=stepcheckpoint.fields(shape),
        covariance=data.guess.covariance,
        variance=data.guess.variance,
        scale=data.scale,
        spread_factor=calibration.spread_factor,
        mean_weight=calibration.mean_weight,
        trained_on=about.source,
        dataset=about.name,
        synthetic=about.synthetic,
        train_start=about.start.isoformat(),
        train_end=parts.ends[0].isoformat(),
        validate_end=parts.ends[1].isoformat(),
        licence=about.licence,
        stations=stations,
        wind=wind,
        physics=config.physics,
        seed=config.seed,
        steps=counters.best_step,
    )
    stepcheckpoint.save(
        folder, described, network, card(described, about, network, config, calibration)
    )
    (folder / "curve.svg").write_text(picture(counters.curve), encoding="utf-8")
    return TrainedStep(folder, counters.step, calibration)
