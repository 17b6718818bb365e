"""What is known of files before an import, fact by fact, in the words of whoever shows it.

The command line says it in English, the page in its language: both give a function that fills the
sentence of a code. `SENTENCES` are the English ones.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from engine.library.inspecting import Contents, Inspection

SENTENCES: dict[str, str] = {
    # the names of the facts
    "files": "Files",
    "kind": "Holds",
    "format": "Format",
    "variable": "PM2.5 is",
    "variables": "Variables",
    "others": "May be it too",
    "time": "Time",
    "clock": "Clock",
    "units": "Unit",
    "reference": "Reference state",
    "place": "Place",
    "values": "Values",
    "missing": "Missing",
    "dropped": "Rows left out",
    "notes": "Notes",
    "odd": "Looks odd",
    "source": "Source",
    "licence": "Licence",
    "import": "An import",
    # what they say
    "files_one": "{name}, {size}",
    "files_many": "{n} files from {first} to {last}, {size}",
    "kind_grid": "maps",
    "kind_stations": "stations",
    "kind_mobile": "mobile samples",
    "kind_static": "static fields",
    "kind_by_given": "as given",
    "kind_by_container": "seen from the form of the file",
    "kind_by_columns": "seen from the columns",
    "kind_by_places": "seen from the places; --kind says it otherwise",
    "by_given": "as given",
    "by_file": "as the file says",
    "by_name": "by its name",
    "by_meaning": "by its description",
    "by_format": "as this format has it",
    "by_assumed": "assumed, since the file does not say it",
    "period_hour": "hourly",
    "period_day": "daily",
    "period_month": "monthly",
    "time_one": "{period}, one time: {start}",
    "time_many": "{period}, {n} times from {start} to {end}",
    "time_step": "{period}, {n} times from {start} to {end}, every {hours} h",
    "clock_utc": "UTC {offset} ({by})",
    "clock_none": "months have none",
    "stamps_start": "hours are named by their start",
    "stamps_end": "hours are named by their end",
    "units_factor": "{units} × {factor} = µg/m³ ({by})",
    "units_same": "µg/m³ ({by})",
    "units_differ": "{units}: each row by its own ({by})",
    "reference_unknown": "not stated",
    "reference_ambient": "ambient air",
    "place_grid": "{rows} × {columns} cells of {height}° × {width}°, {box}",
    "place_stations": "{n} stations, {box}",
    "place_mobile": "{n} samples, {box}",
    "values_span": "{low} to {high} µg/m³, median {median}",
    "missing_share": "{share} of {n} values",
    "missing_part": "{share} of {n} values in the first {part} of {total} maps",
    "odd_even": "All values are {value}.",
    "odd_low": "The median of {value} µg/m³ is lower than any region’s: check unit and variable.",
    "odd_high": "The median of {value} µg/m³ is higher than any region’s: check unit and variable.",
    "odd_missing": "{share} of the values are missing.",
    "odd_gaps": "{n} of {total} time steps are not there.",
    "odd_irregular": "Time steps are of different length.",
    "odd_future": "The last date, {date}, lies in the future.",
    "odd_same": "{n} maps are the map before once more.",
    "import_keeps": "keeps all of this; a model may learn from the dates until {date}",
    "import_keeps_all": "keeps all of this; its dates are too few for a training part",
    "import_regrids": "interpolates: {method}",
    "import_refuses": "is refused",
    "variable_line": "{name} ({shape}) {units} {meaning}",
    "reason_empty_value": "{n} without a value",
    "reason_invalid_flag": "{n} called invalid",
    "reason_repeated": "{n} repeated",
    "reason_unknown_place": "{n} without a place",
    "reason_out_of_range": "{n} that are no concentration",
    "reason_no_time": "{n} without a time",
    "reason_other_quantity": "{n} of other quantities",
}
MOST_VARIABLES = 12


class Say(Protocol):
    """Fills the sentence of a code with values."""

    def __call__(self, code: str, /, **values: object) -> str: ...  # noqa: D102


@dataclass(frozen=True)
class Fact:
    """One fact: the code of its name in `SENTENCES`, and its lines."""

    code: str
    lines: tuple[str, ...]


def english(code: str, /, **values: object) -> str:
    """The English sentence of a code."""
    return SENTENCES[code].format(**values) if values else SENTENCES[code]


def facts(found: Inspection, say: Say) -> list[Fact]:
    """All that is known, without facts that have nothing to say."""
    listed = [
        Fact("files", (_files(found, say),)),
        Fact("kind", (f"{say(f'kind_{found.kind}')} ({say(f'kind_by_{found.kind_by}')})",)),
    ]
    if found.contents is None:
        listed += [
            Fact("variables", _variables(found, say)),
            Fact("import", (say("import_refuses"),)),
        ]
    else:
        listed += _contents(found.contents, say)
    return [fact for fact in listed if fact.lines]


def _files(found: Inspection, say: Say) -> str:
    size = _bytes(found.size)
    if len(found.files) == 1:
        return say("files_one", name=found.files[0], size=size)
    return say(
        "files_many", n=len(found.files), first=found.files[0], last=found.files[-1], size=size
    )


def _bytes(count: int) -> str:
    return f"{count:,} B" if count < 10_000 else f"{count / 1e6:,.3g} MB"


def _variables(found: Inspection, say: Say) -> tuple[str, ...]:
    lines = [
        say("variable_line", name=v.name, shape=v.shape, units=v.units, meaning=v.meaning).strip()
        for v in found.variables[:MOST_VARIABLES]
    ]
    more = len(found.variables) - len(lines)
    return (*lines, *([f"… {more}"] if more else []))


def _contents(has: Contents, say: Say) -> list[Fact]:
    record = has.record
    state = record.reference_state
    return [
        Fact("format", (record.format,)),
        Fact("variable", (f"{has.variable} ({say(f'by_{has.variable_by}')})",)),
        Fact("others", (", ".join(has.others),) if has.others else ()),
        Fact("time", (_time(has, say),)),
        Fact("clock", _clock(has, say)),
        Fact("units", (_units(has, say),)),
        Fact(
            "reference", (say(f"reference_{state}") if state in ("unknown", "ambient") else state,)
        ),
        Fact("place", (_place(has, say),)),
        Fact("values", (_values(has, say),) if has.values.missing < has.values.cells else ()),
        Fact("missing", (_missing(has, say),)),
        Fact("dropped", left_out(record.dropped, say)),
        Fact("notes", record.notes),
        Fact("odd", tuple(say(f"odd_{odd.code}", **odd.values) for odd in has.odd)),
        Fact("source", (record.source,)),
        Fact("licence", (record.licence,)),
        Fact("import", _import(has, say)),
    ]


def _time(has: Contents, say: Say) -> str:
    record, steps = has.record, has.rhythm
    period = say(f"period_{record.period}")
    if steps.steps == 1:
        return say("time_one", period=period, start=record.start)
    code = "time_step" if steps.hours not in (None, 1.0, 24.0) else "time_many"
    if record.kind == "mobile":
        code = "time_many"
    given = {"hours": f"{steps.hours:g}"} if code == "time_step" else {}
    return say(
        code, period=period, n=f"{steps.steps:,}", start=record.start, end=record.end, **given
    )


def _clock(has: Contents, say: Say) -> tuple[str, ...]:
    if has.record.period == "month":
        return (say("clock_none"),)
    offset = f"{has.record.utc_offset_hours:+g}"
    lines = [say("clock_utc", offset=offset, by=say(f"by_{has.clock_by}"))]
    if has.stamps is not None:
        lines.append(say(f"stamps_{has.stamps}"))
    return tuple(lines)


def _units(has: Contents, say: Say) -> str:
    by = say(f"by_{has.units_by}")
    if has.factor is None:
        return say("units_differ", units=has.units, by=by)
    if has.factor == 1.0:
        return say("units_same", by=by)
    return say("units_factor", units=has.units, factor=f"{has.factor:g}", by=by)


def _place(has: Contents, say: Say) -> str:
    shape, bounds = has.record.shape, has.record.bounds or (0.0, 0.0, 0.0, 0.0)
    west, south, east, north = bounds
    box = f"{_degrees(west, 'EW')} – {_degrees(east, 'EW')}, "
    box += f"{_degrees(south, 'NS')} – {_degrees(north, 'NS')}"
    if has.record.kind == "grid":
        rows, columns = shape["latitude"], shape["longitude"]
        return say(
            "place_grid",
            rows=rows,
            columns=columns,
            height=f"{(north - south) / rows:.6g}",
            width=f"{(east - west) / columns:.6g}",
            box=box,
        )
    if has.record.kind == "stations":
        return say("place_stations", n=f"{shape['station']:,}", box=box)
    return say("place_mobile", n=f"{shape['sample']:,}", box=box)


def _degrees(value: float, letters: str) -> str:
    return f"{abs(value):.6g}° {letters[0] if value >= 0 else letters[1]}"


def _values(has: Contents, say: Say) -> str:
    seen = has.values
    low, median, high = (f"{v:.4g}" for v in (seen.low, seen.median, seen.high))
    return say("values_span", low=low, median=median, high=high)


def _missing(has: Contents, say: Say) -> str:
    seen = has.values
    count = f"{seen.cells:,}"
    share = f"{100 * seen.share_missing:.3g} %"
    if seen.looked_at == seen.steps:
        return say("missing_share", share=share, n=count)
    return say("missing_part", share=share, n=count, part=seen.looked_at, total=seen.steps)


def left_out(dropped: dict[str, int], say: Say) -> tuple[str, ...]:
    """Rows that gave no value, by reason, in one line; none where all rows did."""
    parts = []
    for reason, count in dropped.items():
        code = f"reason_{reason.replace(' ', '_')}"
        known = code in SENTENCES  # a later AirLens may have written other reasons
        parts.append(say(code, n=f"{count:,}") if known else f"{count:,} {reason}")
    return ("; ".join(parts),) if parts else ()


def _import(has: Contents, say: Say) -> tuple[str, ...]:
    record = has.record
    lines = [
        say("import_keeps_all")
        if record.train_end is None
        else say("import_keeps", date=record.train_end)
    ]
    if record.regrid_method:
        lines.append(say("import_regrids", method=record.regrid_method))
    return tuple(lines)


def as_json(found: Inspection) -> dict[str, Any]:
    """All of it in plain values, for programs."""
    has = found.contents
    plain: dict[str, Any] = {
        "files": list(found.files),
        "bytes": found.size,
        "container": found.container,
        "kind": found.kind,
        "kind_by": found.kind_by,
        "importable": has is not None,
        "refused": str(found.refused) if found.refused else None,
        "variables": [asdict(v) for v in found.variables],
        "rows": [list(row) for row in found.rows],
    }
    if has is None:
        return plain
    unknown = {"name", "checksum", "imported_at", "files", "data", "stored_files"}
    seen = asdict(has.values) | {"share_missing": has.values.share_missing}
    return plain | {
        "record": has.record.model_dump(mode="json", exclude=unknown),
        "variable": has.variable,
        "variable_by": has.variable_by,
        "others": list(has.others),
        "units_in_files": has.units,
        "units_by": has.units_by,
        "factor": has.factor,
        "clock_by": has.clock_by,
        "hours_named_by": has.stamps,
        "time": {
            "first": _instant(has.rhythm.first),
            "last": _instant(has.rhythm.last),
            "steps": has.rhythm.steps,
            "step_hours": has.rhythm.hours,
            "missing_steps": has.rhythm.missing,
            "irregular": has.rhythm.irregular,
        },
        "values": {k: None if v != v else v for k, v in seen.items()},
        "odd": [{"code": odd.code, **odd.values} for odd in has.odd],
        "sketch": list(has.sketch),
    }


def _instant(time: np.datetime64) -> str:
    return f"{time.astype('datetime64[s]')}Z"


def table_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of text as lines with columns under each other."""
    if not rows:
        return []
    widths = [max(_width(row[n]) for row in rows) for n in range(len(rows[0]))]
    return [
        "  ".join(c + " " * (w - _width(c)) for c, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _width(text: str) -> int:
    """Columns of a terminal that a text takes: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
