"""`airlens train`."""

import datetime as dt
import signal
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from engine.cli.shared_options import (
    DataOption,
    DeviceOption,
    SeedOption,
    StationsOption,
    TrainEndOption,
    WindOption,
    bar,
    day,
    say,
    warn_of_predictions,
)
from engine.core.errors import RequestError
from engine.inference.catalogue import NETWORKS

if TYPE_CHECKING:
    from engine.superresolution.static import Plane

SIZES = ("small", "paper")
FROM_STATIONS = ("aqnet",)
FROM_VEHICLES = ("stepdiff",)
ENDS = ("--train-end", "--validate-end")
STOPPED = 130
Ends = tuple[dt.date | None, dt.date | None]  # last dates to learn from, and to stop by


def train_command(
    model: Annotated[
        str,
        typer.Argument(
            help=f"What to train: {', '.join((*NETWORKS, *FROM_STATIONS, *FROM_VEHICLES))}."
        ),
    ],
    data: DataOption,
    out: Annotated[Path, typer.Option(help="Folder for weights, card, curve and state.")],
    preset: Annotated[str, typer.Option(help="Size: small or paper.")] = "small",
    steps: Annotated[
        int | None, typer.Option(min=1, help="Steps of the second stage; the preset's by default.")
    ] = None,
    train_end: TrainEndOption = None,
    validate_end: Annotated[
        str | None, typer.Option(help="Last local date to validate on; half of the rest.")
    ] = None,
    block_offsets: Annotated[
        int, typer.Option(min=1, max=8, help="Corners to count blocks from: more from few maps.")
    ] = 1,
    seed: SeedOption = 0,
    static_fields: Annotated[
        str,
        typer.Option(help="Static fields that guide airstfm: coast, cities, elevation, or none."),
    ] = "coast,cities",
    device: DeviceOption = "auto",
    stations: StationsOption = "",
    wind: WindOption = "",
) -> None:
    """Train a model on a dataset of the library. Stopped, it goes on when started again.

    Writes weights.safetensors, config.json and card.md, the loss curve as curve.csv and curve.svg.
    """
    known = (*NETWORKS, *FROM_STATIONS, *FROM_VEHICLES)
    if model not in known:
        raise RequestError(
            "{model!r} is not trained by this command",
            remedy="Choose {known}",
            model=model,
            known=tuple(known),
        )
    if preset not in SIZES:
        raise RequestError(
            "there is no preset {preset!r}",
            remedy="Choose {sizes}",
            preset=preset,
            sizes=tuple(SIZES),
        )
    if (stations or wind) and model not in FROM_VEHICLES:
        raise RequestError(
            "{model} uses neither --stations nor --wind",
            remedy="Leave them out, or choose {from_vehicles}",
            model=model,
            from_vehicles=tuple(FROM_VEHICLES),
        )
    stop = _stop_at_interrupt()
    last, until = (
        None if end is None else day(end, option)
        for end, option in zip((train_end, validate_end), ENDS, strict=True)
    )
    warn_of_predictions(data, stations)
    if model in FROM_STATIONS:
        _train_aqnet(data, out, steps, seed, (last, until), stop)
        return
    if model in FROM_VEHICLES:
        _train_stepdiff(data, out, preset, steps, seed, (last, until), (stations, wind), stop)
        return
    from engine.inference.run import device_of
    from engine.superresolution.train_airstfm import train_airstfm
    from engine.superresolution.train_networks import train_network

    learn = (
        partial(train_airstfm, static_fields=_planes(static_fields))
        if model == "airstfm"
        else partial(train_network, model)
    )
    with bar("training") as progress:
        result = learn(
            data,
            out,
            size="paper" if preset == "paper" else "small",
            steps=steps,
            seed=seed,
            train_end=last,
            validate_end=until,
            block_offsets=block_offsets,
            device=str(device_of(device)),
            progress=progress,
            cancelled=stop,
        )
    if result.folder is None:
        _say_stopped(result.counters.step)
    inner, outer = result.coverage
    sure = f"; 50 % intervals hold {inner:.0%}, 90 % intervals {outer:.0%} of the validation part"
    say(
        f"{result.folder}: best at step {result.counters.best_step}"
        f"{sure if model == 'airstfm' else ''}"
    )


def _planes(given: str) -> "tuple[Plane, ...]":
    """Names of static fields, in the order of the list of all."""
    from engine.superresolution.static import PLANES

    named = {name.strip() for name in given.split(",")} - {"", "none"}
    unknown = named - set(PLANES)
    if unknown:
        raise RequestError(
            "there is no static field {unknown!r}",
            remedy="Choose from {planes}, or none",
            unknown=min(unknown),
            planes=tuple(PLANES),
        )
    return tuple(name for name in PLANES if name in named)


def _train_aqnet(
    data: str,
    out: Path,
    steps: int | None,
    seed: int,
    ends: Ends,
    stop: "Stopper",
) -> None:
    """AQ-Net learns from stations, on one CPU thread: sizes, corners and devices do not apply."""
    from engine import library
    from engine.stations.train import train_aqnet, training_for

    config = training_for(library.info(data).period, steps, seed)
    with bar("training") as progress:
        result = train_aqnet(
            data,
            out,
            config=config,
            train_end=ends[0],
            validate_end=ends[1],
            progress=progress,
            cancelled=stop,
        )
    if result.folder is None:
        _say_stopped(result.step)
    inner, outer = result.coverage
    say(
        f"{result.folder}: RMSE {result.rmse:.2f} µg/m³ at each station from the others; "
        f"50 % intervals hold {inner:.0%}, 90 % intervals {outer:.0%} of the calibration part"
    )


def _train_stepdiff(
    data: str,
    out: Path,
    preset: str,
    steps: int | None,
    seed: int,
    ends: Ends,
    beside: tuple[str, str],
    stop: "Stopper",
) -> None:
    """STeP-Diff learns from mobile samples, on one CPU thread."""
    from engine.forecast.train import train_stepdiff

    with bar("training") as progress:
        result = train_stepdiff(
            data,
            out,
            size=preset,
            steps=steps,
            seed=seed,
            train_end=ends[0],
            validate_end=ends[1],
            stations=beside[0],
            wind=beside[1],
            progress=progress,
            cancelled=stop,
        )
    calibration = result.found
    if result.folder is None or calibration is None:
        _say_stopped(result.step)
    say(
        f"{result.folder}: CRPS {calibration.crps:.2f}, MAE {calibration.mae:.2f} µg/m³; 90 % "
        f"bands hold {calibration.coverage:.0%} of the validation part; the first guess alone: MAE "
        f"{calibration.guess_mae:.2f}"
    )


def _say_stopped(step: int) -> NoReturn:
    Console(stderr=True).print(
        f"Stopped at step {step}; the same command goes on from the last validation."
    )
    raise typer.Exit(STOPPED)


def _stop_at_interrupt() -> "Stopper":
    stopper = Stopper()
    signal.signal(signal.SIGINT, stopper.interrupted)
    return stopper


class Stopper:
    """Turns the first Ctrl-C into a request to stop after this step; the second stops at once."""

    def __init__(self) -> None:
        self.wanted = False

    def __call__(self) -> bool:
        """Whether to stop."""
        return self.wanted

    def interrupted(self, number: int, frame: FrameType | None) -> None:
        """Called on Ctrl-C."""
        if self.wanted:
            raise KeyboardInterrupt
        self.wanted = True
