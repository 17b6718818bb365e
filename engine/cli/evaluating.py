"""`airlens evaluate`."""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import replace
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
    warn_of_predictions,
    writable,
)
from engine.cli.station_table import station_csv, station_table
from engine.core.errors import RequestError
from engine.core.files import write_atomic
from engine.core.progress import Progress
from engine.verify.metric_tables import EVALUATE, units

if TYPE_CHECKING:
    from engine.inference.evaluation import Scores
    from engine.inference.request import Request


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
    stations: Annotated[
        str, typer.Option(help="Dataset of stations: maps are judged there, and merged with them.")
    ] = "",
    climatology: Annotated[
        str,
        typer.Option(help="Fine dataset of other dates, by which a coarse --data is made finer."),
    ] = "",
    static: Annotated[
        str, typer.Option(help="Height of the land for detail: a static dataset, or world (ships).")
    ] = "",
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="File for the scores at stations.")
    ] = None,
) -> None:
    """Score models over a period, all on the same data; a table, and JSON where requested.

    With --stations fine maps are judged at monitors: raw, after one factor of earlier dates, and
    with stations merged, each left out in turn. Models are then restoring ones (airstfm, bicubic)
    or, with --climatology, ways to make a coarse dataset finer (auto, area, ratio).
    """
    if json_file is not None:
        writable(json_file, (".json",))
    if csv_file is not None:
        writable(csv_file, (".csv",))
        if not stations:
            raise RequestError(
                "--csv holds the scores at stations", remedy="Name some with --stations"
            )
    warn_of_predictions(data, climatology, stations)
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
        if stations or climatology:
            request = replace(
                request, stations=stations, climatology=climatology, static=static, model="auto"
            )
            _at_stations(request, names, (first, last), (json_file, csv_file), progress)
            return
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


def _at_stations(
    request: "Request",
    models: list[str],
    period: tuple[dt.date, dt.date],
    files: tuple[Path | None, Path | None],
    progress: Progress,
) -> None:
    """Judge at stations, print a table a model, and write the files that are wanted."""
    from engine.inference import judging, station_scores

    if not request.stations:
        raise RequestError(
            "without stations there is nothing to judge a finer map by",
            remedy="Name some with --stations",
        )
    found = judging.judge(request, models, *period, progress=progress)
    tables = {name: station_scores.as_records(one.rows) for name, one in found.items()}
    for name, one in found.items():
        say(
            f"{name}, {period[0]} to {period[1]}: {one.dates} dates judged, {one.earlier} dates "
            f"before them taught. {one.note}"
        )
        say(station_table(tables[name], dates=one.dates))
    json_file, csv_file = files
    if json_file is not None:
        write_atomic(json_file, json.dumps(tables, indent=1, allow_nan=False) + "\n")
    if csv_file is not None:
        write_atomic(csv_file, station_csv(tables))


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
