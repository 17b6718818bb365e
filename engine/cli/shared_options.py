"""What the commands share: options that mean the same everywhere, dates, a bar on stderr."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from engine.core.errors import RequestError, StorageError
from engine.core.plaintext import terminal
from engine.core.progress import Progress as Report

DataOption = Annotated[str, typer.Option("--data", help="Name of the dataset (airlens datasets).")]
RegionOption = Annotated[
    str,
    typer.Option(
        "--region", help="Name such as yrd or 华北, or west,south,east,north; all is all."
    ),
]
DeviceOption = Annotated[
    Literal["auto", "cpu", "cuda"],
    typer.Option("--device", help="Where to compute; auto takes CUDA where there is one."),
]
SeedOption = Annotated[int, typer.Option("--seed", help="Of whatever is random in the model.")]
HourOption = Annotated[
    int | None,
    typer.Option(
        "--hour", help="Local hour of hourly data; else the daily mean, forecasts: the last hour."
    ),
]
FactorOption = Annotated[
    int, typer.Option("--factor", help="Fine cells along a coarse cell's side.")
]
TrainEndOption = Annotated[
    str | None,
    typer.Option(
        "--train-end", help="Last date to learn from; by default the dataset's own training part."
    ),
]
StationsOption = Annotated[
    str,
    typer.Option("--stations", help="Dataset of fixed stations: merged, or used by STeP-Diff."),
]
WindOption = Annotated[
    str,
    typer.Option("--wind", help="Dataset of stations with u10 and v10, wind for STeP-Diff."),
]
LeadOption = Annotated[
    int | None,
    typer.Option("--lead-times", help="Steps ahead of a forecast; else 24 hours or 3 days."),
]


def day(text: str, option: str) -> dt.date:
    """A date from `2015-01-10`, or the first of a month from `2015-01`.

    Raises:
        RequestError: If it is neither.
    """
    try:
        return dt.date.fromisoformat(f"{text}-01" if len(text) == len("2015-01") else text)
    except ValueError:
        raise RequestError(
            "{text!r} is no date", where=option, remedy="Write it as 2015-01-10", text=text
        ) from None


def writable(path: Path, endings: tuple[str, ...]) -> Path:
    """The path, if a file can be written there: checked before hours of work, not after.

    Raises:
        RequestError: If the name does not end in one of `endings`.
        StorageError: If the folder is not there.
    """
    if path.suffix.lower() not in endings:
        raise RequestError(
            "{name!r} does not end in a form we write here",
            remedy="End it in {endings:or}",
            name=path.name,
            endings=endings,
        )
    if path.is_dir():
        raise StorageError("it is a folder", where=str(path), remedy="Name a file in it")
    if not path.absolute().parent.is_dir():
        raise StorageError(
            "there is no such folder",
            where=str(path.parent),
            remedy="Make it, or choose another place",
        )
    return path


def say(text: object, *, err: bool = False) -> None:
    """A line on stdout, or on stderr; nothing in it is obeyed by the terminal."""
    typer.echo(terminal(text), err=err)


def plain(text: object) -> Text:
    """The same for a cell or a title of a table: no markup of rich either."""
    return Text(terminal(text))


@contextmanager
def bar(description: str) -> Iterator[Report]:
    """A progress bar on stderr for the time of the block; silent where stderr is no terminal."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task(terminal(description), total=1.0)

        def report_progress(share: float, doing: str) -> None:
            progress.update(task, completed=share, description=terminal(doing or description))

        yield report_progress


def warn_of_predictions(*names: str) -> None:
    """Say it where a dataset is itself a prediction: what is made of it says little of the air."""
    from engine import library

    for name in dict.fromkeys(names):
        if name in library.names() and library.info(name).made_by == "prediction":
            say(
                f"airlens: {name} is itself a prediction, not an observation; scores against it "
                "say how two models agree.",
                err=True,
            )
