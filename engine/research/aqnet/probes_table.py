"""The page's part on experiments: the numbers that `engine.research.aqnet.experiments` wrote."""

from collections.abc import Mapping
from typing import Any

from engine.core.paths import ROOT
from engine.core.results_page import fill, table

FILE = ROOT / "docs" / "results" / "aqnet-probes.json"
Rows = Mapping[str, Mapping[str, float]]


def section(found: Mapping[str, Any], template: str) -> str:
    """The part of the page, from its template."""
    here: Mapping[str, Rows] = found["beijing"]
    base = here["reference"]["space-time kriging"]["rmse"]
    tables = {
        "kriging": _table("kriging", here["kriging"], base),
        "bounds": _table("fitted at the station itself", here["bounds"], base),
        "gaps": _table("a station's own gases and PM10 known", here["gap filling"], base),
        "cities": _cities(found["cities"]),
    }
    return fill(template, found, tables)


def _table(title: str, rows: Rows, base: float) -> list[str]:
    return table(
        (f"{title}, µg/m³", "RMSE", "MAE", "against space-time kriging"),
        [
            (name, f"{m['rmse']:.2f}", f"{m['mae']:.2f}", f"{m['rmse'] / base - 1:+.1%}")
            for name, m in rows.items()
        ],
    )


def _cities(tables: Mapping[str, Rows]) -> list[str]:
    rows = list(next(iter(tables.values())))
    return table(
        ("RMSE in µg/m³", *tables),
        [(row, *(f"{each[row]['rmse']:.2f}" for each in tables.values())) for row in rows],
    )
