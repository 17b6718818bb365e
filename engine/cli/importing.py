"""`airlens import`, `airlens datasets` and `airlens remove`."""

import json
import shlex
import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from engine import library
from engine.cli.shared_options import say
from engine.core.errors import RequestError, StorageError
from engine.core.plaintext import terminal
from engine.core.schema import Period
from engine.data.options import ReadOptions, Reference, Stamps
from engine.data.static_fields import How
from engine.library.inspection_facts import english, left_out

KindArgument = Literal["grid", "stations", "mobile", "static"]


def import_command(
    kind: Annotated[KindArgument, typer.Argument(help="What the files hold.")],
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of files.")],
    name: Annotated[str, typer.Option(help="What to call the dataset.")],
    form: Annotated[
        str | None,
        typer.Option("--format", help="Form of the files; by default seen from their content."),
    ] = None,
    units: Annotated[
        str | None, typer.Option(help="Unit of the values, for example 'kg m-3'.")
    ] = None,
    variable: Annotated[
        str | None, typer.Option(help="Variable or column that holds PM2.5.")
    ] = None,
    utc_offset: Annotated[
        float | None,
        typer.Option(help="Hours that the files' clock is ahead of UTC; China 8, India 5.5."),
    ] = None,
    source: Annotated[str | None, typer.Option(help="Where the data come from, in a line.")] = None,
    licence: Annotated[str | None, typer.Option(help="Under which terms, for example MIT.")] = None,
    coordinates: Annotated[
        Path | None, typer.Option(help="CSV of stations' places, or JSON of an array's.")
    ] = None,
    period: Annotated[
        Period | None, typer.Option(help="What one map of a grid is the mean of.")
    ] = None,
    stamps: Annotated[
        Stamps | None,
        typer.Option(help="Whether the hours of a table are named by their start or their end."),
    ] = None,
    reference: Annotated[
        Reference | None,
        typer.Option(help="State that a cubic metre is at; China: 273 K until 2018-08-31."),
    ] = None,
    how: Annotated[
        How | None,
        typer.Option(help="Of static fields: what a value is of its cell. Height is a mean."),
    ] = None,
    year: Annotated[
        int | None, typer.Option(help="Of static fields: the year they are of.")
    ] = None,
    train_end: Annotated[
        str | None,
        typer.Option(help="Last date that a model may learn from; by default the first half."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace a dataset of that name once this is whole.")
    ] = False,
) -> None:
    """Bring files into the library: whole, or not at all.

    Of static fields (height, population) --variable says what they are, for example elevation.
    """
    if kind == "static":
        _import_static(paths, name, variable, how, year, source, licence, replace)
        return
    options = ReadOptions(
        format=form,
        units=units,
        variable=variable,
        utc_offset_hours=utc_offset,
        source=source,
        licence=licence,
        coordinates=coordinates,
        period=period,
        stamps=stamps,
        reference=reference,
    )
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task(terminal(f"Reading {name}"), total=None)

        def progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        about = library.import_files(
            kind,
            paths,
            name,
            options=options,
            train_end=day(train_end) if train_end else None,
            replace=replace,
            progress=progress,
        )
    say(f"Imported {sentence(about)}")
    for note in about.notes:
        say(f"  {note}")
    for line in left_out(about.dropped, english):
        say(f"  Rows left out: {line}.")


def _import_static(
    paths: list[Path],
    name: str,
    variable: str | None,
    how: How | None,
    year: int | None,
    source: str | None,
    licence: str | None,
    replace: bool,
) -> None:
    from engine.library.static_fields import import_static

    if len(paths) != 1:
        raise RequestError("a static field is one file", remedy="Import one after the other")
    if variable is None:
        raise RequestError(
            "what the field is has to be said",
            remedy="Give --variable, for example --variable elevation",
        )
    about = import_static(
        paths[0],
        name,
        variable,
        how=how,
        year=year,
        source=source,
        licence=licence,
        replace=replace,
    )
    say(
        f"Imported {about.name}: static, {', '.join(about.variables)} ({about.format} of each "
        f"cell), {size(about)}, licence {about.licence}."
    )
    for note in about.notes:
        say(f"  {note}")


def datasets_command(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """List the datasets of the library, the demo's first."""
    infos = []
    for name in library.names():
        try:
            infos.append(library.info(name))
        except StorageError as problem:  # one damaged record must not hide all others
            say(f"airlens: {problem}", err=True)
    if as_json:
        records = [x.model_dump(mode="json") | {"outdated": x.outdated} for x in infos]
        say(json.dumps(records, indent=1))
        return
    if not infos:
        say("No datasets yet. Import some: airlens import grid FILES --name NAME")
        return
    rows = [("name", "kind", "period", "from", "to", "size", "source")]
    rows += [
        (
            about.name,
            f"{about.kind} (DEMO)" if about.synthetic else about.kind,
            about.period,
            str(about.start),
            str(about.end),
            size(about),
            about.source,
        )
        for about in infos
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    for row in rows:
        cells = [
            " ".join(cell.splitlines()).ljust(width)
            for cell, width in zip(row, [*widths, 0], strict=True)
        ]
        say("  ".join(cells).rstrip())
    for about in infos:
        if about.outdated:
            say(f"{about.name} was read by older rules: import again. {again(about)}")


def remove_command(
    name: Annotated[str, typer.Argument(help="Name of the dataset (airlens datasets).")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not wait for an answer.")] = False,
) -> None:
    """Take a dataset out of the library for good; the files it came from are not touched."""
    library.check_removable(name)
    if not yes and not _agreed(name):
        say(f"{name} stays.")
        return
    library.remove(name)
    say(f"Removed {name}.")


def _agreed(name: str) -> bool:
    """The answer to the question whether a dataset goes.

    Raises:
        RequestError: If nobody can answer.
    """
    try:
        what = sentence(library.info(name))
    except StorageError:  # a damaged record is a reason to remove it
        what = f"{name}: its record is damaged."
    typer.echo(terminal(f"{what} Remove it? [y/N] "), nl=False)
    answer = sys.stdin.readline()
    if not answer:
        raise RequestError("there was no answer", remedy="Give --yes to remove without a question")
    return answer.strip().lower() in ("y", "yes")


def sentence(about: library.DatasetInfo) -> str:
    """What was imported, in a line."""
    return (
        f"{about.name}: {about.kind}, {size(about)}, {about.period}s from {about.start} "
        f"to {about.end}, licence {about.licence}."
    )


def again(about: library.DatasetInfo) -> str:
    """The command that imports a dataset again, with its files' names as far as they are known."""
    files = [file.name for file in about.files[:3]]
    more = " …" if len(about.files) > len(files) else ""
    named = " ".join(map(shlex.quote, files or ["FILES"]))
    return f"airlens import {about.kind} {named}{more} --name {about.name} --replace"


def size(about: library.DatasetInfo) -> str:
    """The shape in words."""
    words = {"valid_time": "times", "station": "stations", "sample": "samples"}
    shape = dict(about.shape)
    cells = [str(shape.pop(d)) for d in ("latitude", "longitude") if d in shape]
    parts = [f"{n} {words.get(d, d).removesuffix('s' if n == 1 else '')}" for d, n in shape.items()]
    return ", ".join([*parts, f"{' × '.join(cells)} cells"] if cells else parts)


def day(text: str) -> date:
    """A date from YYYY-MM-DD.

    Raises:
        RequestError: If it is none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RequestError(
            "{text!r} is no date", remedy="Write it as 2015-01-10", text=text
        ) from None
