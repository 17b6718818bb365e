"""`airlens check`."""

import dataclasses
import io
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.shared_options import bar, say, writable
from engine.core.files import write_atomic
from engine.core.plaintext import write_csv

if TYPE_CHECKING:
    from engine.verify.station_checks import Checked, Row

FOUND = 1

# Why a check may be missing at a station; the numbers are those of the checks themselves.
REASONS = {
    "unit": "too few neighbours with values at the same times",
    "place": "too few stations, or too few values in common with their neighbours",
}
NOTES = (
    "valid, negative, zero: shares of values; longest: longest run of one value, in steps of the "
    "period; level: ratio to the level around",
    "near, best: mean correlations with the nearest and with the best-correlated stations; gap, "
    "threshold: their difference in Fisher's z, and the limit beyond which the place is wrong",
    "near_km, best_km: median distances, km; an empty cell could not be had",
)


def check_command(
    name: Annotated[str, typer.Argument(help="Name of a dataset of stations.")],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="File for the table of all stations.")
    ] = None,
) -> None:
    """Check stations: place, unit, duplicates, zeros, frozen and negative values, gaps, sea.

    Leaves with 0 if nothing was found, 1 if something was, 2 if the checks cannot run. Nothing is
    changed.
    """
    if csv_file is not None:
        writable(csv_file, (".csv",))
    with bar("Checking") as progress:
        from engine.core.errors import RequestError
        from engine.library.station_checks import check_stations
        from engine.library.stations import stations_named

        dataset = stations_named(name, "")
        if dataset is None:
            raise RequestError("the name of the dataset is empty", remedy="See airlens datasets")
        checked = check_stations(dataset, progress=progress)
        period = str(dataset.attrs["period"])
    if csv_file is not None:
        write_atomic(csv_file, table(checked, name, period))
    if as_json:
        say(json.dumps(record(checked, name, period), indent=1, allow_nan=False))
    else:
        for line in lines(checked, name):
            say(line)
    if checked.findings:
        raise typer.Exit(FOUND)


def lines(checked: "Checked", name: str) -> list[str]:
    """What the command prints: a summary, the findings, and what could not be checked."""
    out = sum(row.left_out for row in checked.rows)
    count = len(checked.rows)
    stations = f"{count} station{'' if count == 1 else 's'}"
    if checked.findings:
        with_findings = sum(bool(row.checks) for row in checked.rows)
        summary = f"findings at {with_findings}, {out} of them to be left out of merging"
    else:
        summary = "nothing found"
    result = [f"{name}: {stations} checked, {summary}."]
    width = max((len(f.check) for f in checked.findings), default=0)
    for finding in checked.findings:
        what = "left out" if finding.left_out else "shown   "
        # A station's name is data: its line ends are spaces here, the rest `say` makes visible.
        station = " ".join(finding.station.split())
        sentence = " ".join(finding.sentence.split())
        result.append(f"  {what}  {finding.check.ljust(width)}  {station}: {sentence}")
    result += [
        f"Not checked: {check} at {number} of {stations}, {REASONS[check]}."
        for check, number in checked.unchecked.items()
        if number
    ]
    return result


def record(checked: "Checked", name: str, period: str) -> dict[str, object]:
    """Findings and table for programs; numbers that could not be had are null."""
    return {
        "dataset": name,
        "period": period,
        "left_out": [row.station for row in checked.rows if row.left_out],
        "findings": [
            {
                "station": f.station,
                "check": f.check,
                "number": f.number,
                "left_out": f.left_out,
                "sentence": f.sentence,
            }
            for f in checked.findings
        ],
        "unchecked": checked.unchecked,
        "stations": [
            {k: None if _unknown(v) else v for k, v in dataclasses.asdict(row).items()}
            for row in checked.rows
        ],
    }


def table(checked: "Checked", name: str, period: str) -> str:
    """The table of all stations as CSV, findings in the last column."""
    from engine.verify.station_checks import Row

    sentences: dict[str, list[str]] = {}
    for finding in checked.findings:
        sentences.setdefault(finding.station, []).append(finding.sentence)
    head = [column.name for column in dataclasses.fields(Row)]
    text = io.StringIO()
    notes = (f"Station checks of {name}, one value each {period}", *NOTES)
    rows = [[*_cells(row), " ".join(sentences.get(row.station, []))] for row in checked.rows]
    write_csv(text, [*head, "findings"], rows, notes)
    return text.getvalue()


def _cells(row: "Row") -> list[object]:
    return [_cell(value) for value in dataclasses.astuple(row)]


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " ".join(value)
    if _unknown(value):
        return ""
    return f"{value:.6g}" if isinstance(value, float) else value


def _unknown(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
