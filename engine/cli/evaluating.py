"""`airlens evaluate`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from engine.cli.shared_options import (
    DataOption,
    DeviceOption,
    FactorOption,
    HourOption,
    LeadOption,
    RegionOption,
    SeedOption,
    TrainEndOption,
    bar,
    day,
    plain,
    say,
    writable,
)
from engine.core.files import write_atomic
from engine.verify.metric_tables import EVALUATE, units

if TYPE_CHECKING:
    from engine.inference.evaluation import Scores


def evaluate_command(
    models: Annotated[str, typer.Argument(help="Names of models, for example copy,bicubic,ha.")],
    data: DataOption,
    start: Annotated[str, typer.Option(help="First local date.")],
    end: Annotated[str, typer.Option(help="Last local date.")],
    region: RegionOption = "all",
    json_file: Annotated[
        Path | None, typer.Option("--json", help="File for all metrics of each model.")
    ] = None,
    device: DeviceOption = "auto",
    seed: SeedOption = 0,
    hour: HourOption = None,
    factor: FactorOption = 8,
    train_end: TrainEndOption = None,
    lead_times: LeadOption = None,
) -> None:
    """Score models over a period, all on the same data; a table, and JSON where requested."""
    if json_file is not None:
        writable(json_file, (".json",))
    names = [name.strip() for name in models.split(",") if name.strip()]
    first, last = day(start, "--start"), day(end, "--end")
    with bar("Loading") as progress:
        # torch and xarray take seconds to load, and `airlens --help` shall not wait for them.
        from engine import library
        from engine.inference.evaluation import evaluate
        from engine.inference.request import Request

        request = Request(
            data,
            first,
            region,
            seed=seed,
            device=device,
            hour=hour,
            factor=factor,
            train_end=day(train_end, "--train-end") if train_end else None,
            lead_times=lead_times,
        )
        scores = evaluate(request, names, first, last, progress=progress)
        synthetic = library.info(data).synthetic
    if json_file is not None:
        write_json(scores, json_file)
    _print(scores, f"{'DEMO (synthetic) ' if synthetic else ''}{data}, {first} to {last}, {region}")
    for name, result in scores.items():
        if result["dates_in_training_period"]:
            say(
                f"airlens: {result['dates_in_training_period']} of {result['dates']} dates lie in "
                f"the training part of {name}; its scores there are no evidence.",
                err=True,
            )


def write_json(scores: Mapping[str, "Scores"], path: Path) -> None:
    """Scores as JSON, whole or not at all.

    Raises:
        StorageError: If it cannot be written.
    """
    write_atomic(path, json.dumps(scores, indent=1, allow_nan=False) + "\n")


def _print(scores: Mapping[str, "Scores"], title: str) -> None:
    table = Table(title=plain(title), title_justify="left")
    table.add_column("model")
    for column in EVALUATE:
        table.add_column(column, justify="right")
    for name, result in scores.items():
        table.add_row(plain(name), *(_cell(result[column]) for column in EVALUATE))
    Console().print(table)
    say(units(EVALUATE))


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return "–" if value is None else str(value)
