"""`airlens inspect`: what files hold and what an import would do, with nothing written."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.importing import KindArgument
from engine.cli.shared_options import bar, say
from engine.core.plaintext import terminal
from engine.core.schema import Period
from engine.data.options import ReadOptions, Reference, Stamps
from engine.library.inspecting import Inspection, inspect_files
from engine.library.inspection_facts import as_json, english, facts, table_lines


def inspect_command(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of files.")],
    kind: Annotated[
        KindArgument | None,
        typer.Option(help="What the files hold; by default seen from their content."),
    ] = None,
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
    as_json_: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Look at files before an import; nothing is written.

    Leaves with 0 if an import would go through, and with 2 and the reason if it would be refused.
    """
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
    with bar("Reading") as report_progress:
        inspections = inspect_files(
            paths,
            kind,
            options=options,
            progress=lambda done, total: report_progress(done / total, f"Map {done} of {total}"),
        )
    if as_json_:
        say(json.dumps(as_json(inspections), indent=1, allow_nan=False))
    else:
        for line in _lines(inspections):
            say(line)
        if inspections.refused is None:
            say(f"\nTo import it: {_command(inspections, paths, options)}")
    if inspections.refused is not None:
        raise inspections.refused


def _lines(inspection: Inspection) -> Iterator[str]:
    listed = facts(inspection, english)
    width = max(len(english(fact.code)) for fact in listed) + 2
    for fact in listed:
        for number, line in enumerate(fact.lines):
            title = english(fact.code) if number == 0 else ""
            yield f"{terminal(title.ljust(width))}{' '.join(line.split())}"
    drawn = inspection.contents.sketch if inspection.contents is not None else ()
    if inspection.rows:
        yield ""
        yield from table_lines(inspection.rows)
    elif drawn:
        yield ""
        yield from (f"  {line}" for line in drawn)


def _command(inspection: Inspection, paths: list[Path], options: ReadOptions) -> str:
    """The command that imports what was looked at, with the same options."""
    given = {
        "--format": options.format,
        "--units": options.units,
        "--variable": options.variable,
        "--utc-offset": options.utc_offset_hours,
        "--source": options.source,
        "--licence": options.licence,
        "--coordinates": options.coordinates,
        "--period": options.period,
        "--stamps": options.stamps,
        "--reference": options.reference,
    }
    words = ["airlens", "import", inspection.kind, *map(str, paths), "--name", "NAME"]
    for option, value in given.items():
        if value is not None:
            words += [option, f"{value:g}" if isinstance(value, float) else str(value)]
    return " ".join(map(shlex.quote, words))
