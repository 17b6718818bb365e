"""`docs/results/onemap.*`: coarse maps made finer and merged with stations, on real data.

`python -m engine.research.onemap.page` computes the record and writes the page; with `kept` after
it, the page alone from the record.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.core import results_page
from engine.core.errors import EngineError, NotFoundError
from engine.core.files import write_atomic
from engine.core.paths import ROOT
from engine.research.onemap import cities, hours, pair, restored, terrain

RECORD = ROOT / "docs" / "results" / "onemap.json"
PAGE = RECORD.with_suffix(".md")
# What the design aimed at before anything here was measured, ug m-3 or a share.
AIMS = {
    **{"month_raw": 8.25, "month_singly": 7.65, "month_regions": 7.9},
    **{"day_singly": 16.55, "day_squares": 19.65, "pair": 10.7, "dense": 0.005},
}
WAYS = ("singly", "1° squares", "2° squares", "4° squares", "regions")


def record() -> dict[str, Any]:
    """All numbers of the page.

    Raises:
        NotFoundError: If the real data are not there.
    """
    maps = cities.product()
    known = cities.places(maps)
    return {
        "months": cities.months_record(maps, known),
        "days": cities.days_record(maps, known),
        "pair": pair.record(),
        "national": hours.national(),
        "beijing": hours.beijing(),
        "terrain": terrain.record(),
        "restored": restored.record(),
    }


def page(numbers: Mapping[str, Any]) -> str:
    """The page in Markdown."""
    text = results_page.read(results_page.TEMPLATES / "onemap.md")["page"]
    head = ("background", "raw", "one factor", *(f"fused, {way}" for way in WAYS))
    gains = ("background", "fusion over the raw map", *(f"over kriging, {way}" for way in WAYS))
    tables = {
        "months": results_page.table(head, _errors(numbers["months"]), "---"),
        "month_gains": results_page.table(gains, _gains(numbers["months"]), "---"),
        "days": results_page.table(head, _errors(numbers["days"]), "---"),
        "day_medians": results_page.table(
            ("background", *(f"median, {way}" for way in WAYS)), _medians(numbers["days"]), "---"
        ),
        "day_gains": results_page.table(gains, _gains(numbers["days"]), "---"),
        "coverage": results_page.table(
            (
                "background",
                "all",
                "10th percentile of cities",
                "winter",
                "spring",
                "summer",
                "autumn",
            ),
            _coverage(numbers["days"]),
            "---",
        ),
        "exceedances": results_page.table(
            ("background", "observed", "expected (sum of chances)", "median map above"),
            _exceedances(numbers["days"]),
            "---",
        ),
        "pair": results_page.table(("sigma", "RMSE", "bias"), _pair(numbers["pair"]), "---"),
        "terrain": results_page.table(
            ("region", "smooth", "with height", "gain", "squares", "more than 1 % worse"),
            _terrain(numbers["terrain"]),
            "---",
        ),
        "restored": results_page.table(
            ("years known", "auto takes", "its RMSE", "best afterwards", "its RMSE", "ratio"),
            _restored(numbers["restored"]),
            "---",
        ),
        "dense": results_page.table(
            ("network", "left out", "next, km", "kriging", "fused", "gain"),
            [
                *_dense("1 346 national", numbers["national"]),
                *_dense("Beijing", numbers["beijing"]),
            ],
            "---",
        ),
    }
    return results_page.fill(text, {**numbers, "aims": AIMS}, tables) + "\n"


def _terrain(part: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            region,
            _number(row["smooth"]),
            _number(row["step"]),
            _gain(row["gain"]),
            str(row["squares"]),
            str(row["worse"]),
        )
        for region, row in part.items()
    ]


def _restored(part: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            years,
            row["taken"],
            _number(row["errors"][row["taken"]]),
            row["best"],
            _number(row["errors"][row["best"]]),
            f"{row['errors'][row['taken']] / row['errors'][row['best']]:.3f}",
        )
        for years, row in part.items()
    ]


def _errors(part: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            name,
            _number(row["raw"]),
            _number(row["one_factor"]),
            *(_number(row["fused"].get(way)) for way in WAYS),
        )
        for name, row in part["rows"].items()
    ]


def _medians(part: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [
        (name, *(_number(row["fused_median"].get(way)) for way in WAYS))
        for name, row in part["rows"].items()
    ]


def _gains(part: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            name,
            _gain(row["fusion_gain_over_raw"]),
            *(_gain(row["fused_gain_over_kriging"].get(way)) for way in WAYS),
        )
        for name, row in part["rows"].items()
        if row["raw"] is not None
    ]


def _coverage(part: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            name,
            f"{row['coverage']:.1%}",
            f"{row['coverage_by_place_p10']:.1%}",
            *(f"{share:.1%}" for share in row["coverage_by_season"].values()),
        )
        for name, row in part["rows"].items()
    ]


def _exceedances(part: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            name,
            f"{part['observed_exceedances']:,}",
            f"{row['expected_exceedances']:,.0f}",
            f"{row['median_exceedances']:,}",
        )
        for name, row in part["rows"].items()
    ]


def _pair(part: Mapping[str, Any]) -> list[tuple[str, ...]]:
    rows = [("by area, no detail", _number(part["by_area"]), "")]
    rows += [
        (f"{row['sigma']:.2f}°", _number(row["rmse"]), f"{row['bias']:+.1f}")
        for row in part["scores"]
    ]
    chosen = f"chosen on the other squares ({part['sigma']:.2f}° on all)"
    rows += [(chosen, f"**{_number(part['left_out'])}**", "")]
    return [*rows, ("climatology alone", _number(part["climatology"]), "")]


def _dense(name: str, part: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            f"{name}, {part['stations']:,} stations, {part['dates']} times",
            way,
            f"{part['next_km'][way]:.0f}",
            _number(part["kriging"][way]),
            _number(part["fused"][way]),
            _gain(part["gain"][way]),
        )
        for way in WAYS
        if way in part["kriging"]
    ]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _gain(value: Sequence[float | None] | None) -> str:
    """A gain with its interval, in percent of the error; "not shown" where it holds zero."""
    if value is None or value[0] is None:
        return "–"
    middle, low, high = (float("nan") if v is None else v for v in value)
    if low != low:  # one square has no interval
        return f"{-middle:+.1%}, one square: no interval"
    shown = "" if low > 0 or high < 0 else " not shown"
    return f"{-middle:+.1%} [{-high:+.1%}, {-low:+.1%}]{shown}"


def again(kept: Path = RECORD, out: Path = PAGE) -> None:
    """Write the page from the numbers that are kept.

    Raises:
        NotFoundError: If there are none.
    """
    if not kept.exists():
        raise NotFoundError(
            "there are no scores yet", where=str(kept), remedy="Run make results-onemap"
        )
    write_atomic(out, page(json.loads(kept.read_text(encoding="utf-8"))))


def main(arguments: Sequence[str]) -> int:
    """Write the page and its record; with `kept`, the page alone from the record."""
    try:
        if list(arguments) != ["kept"]:
            text = json.dumps(record(), indent=1, ensure_ascii=False)
            write_atomic(RECORD, text.replace("NaN", "null") + "\n")
        again()
    except EngineError as problem:
        sys.stderr.write(f"airlens: {problem}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
