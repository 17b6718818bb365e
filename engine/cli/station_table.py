"""Scores of maps at stations, as the terminal and a spreadsheet show them."""

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from engine.core.plaintext import write_csv


def station_table(records: Sequence[Mapping[str, Any]], *, dates: int = 1) -> str:
    """The table of scores at monitors, and the line that sums it up."""
    from engine.verify.metrics import current_names

    rows = [current_names(row) for row in records]
    lines = [
        f"{'map':<24}{'left out':<14}{'next km':>8}{'n':>6}{'bias':>8}{'rmse':>8}"
        f"{'correlation':>12}{'coverage':>9}  gain"
    ]
    for row in rows:
        number = {k: math.nan if v is None else v for k, v in row.items()}
        gain = ""
        if row["gain"] is not None:
            gain = f"{row['gain']:+.0%}"
            if row["gain_low"] is not None:
                gain += f" [{row['gain_low']:+.0%}, {row['gain_high']:+.0%}]"
                gain += "" if row["shown"] else " not shown"
        lines.append(
            f"{row['what']:<24}{row['left_out']:<14}{number['next_km']:>8.0f}{row['n']:>6}"
            f"{number['bias']:>+8.1f}{number['rmse']:>8.2f}{number['correlation']:>12.2f}"
            f"{number['coverage']:>9.0%}  {gain}"
        )
    lines = [line.replace(" nan%", "     ").replace(" nan", "    ") for line in lines]
    at = {(row["what"], row["left_out"]): row for row in rows}
    first, second = at["coarse", ""], at["background", ""]
    fused = next(row for row in rows if row["what"] == "fused")
    steps = " → ".join(
        f"{name} {math.nan if row['rmse'] is None else row['rmse']:.1f}"
        for name, row in (("coarse", first), ("fine", second), ("fused", fused))
    )
    count = fused["n"]
    where = f"at {count} stations" if dates == 1 else f"by {count} pairs of a station and a date"
    return "\n".join([*lines, f"Checked {where}: {steps} µg/m³."])


def station_csv(tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """The tables of several models as one CSV, a column for the model first."""
    heads = list(next(iter(tables.values()))[0])
    out = io.StringIO()
    rows = (
        [model, *("" if row[name] is None else row[name] for name in heads)]
        for model, table in tables.items()
        for row in table
    )
    write_csv(out, ["model", *heads], rows)
    return out.getvalue()
