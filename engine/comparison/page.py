"""A comparison as a page: table, pictures, and the paper's own table beside.

Everything on the page but the paper's numbers comes from the record of `engine.comparison.runs`.
"""

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.comparison import published
from engine.comparison import speed as bench
from engine.comparison.charts import Axis, Line, chart, sheet
from engine.comparison.plan import ALL
from engine.comparison.runs import RECORD
from engine.comparison.scores import PICTURES
from engine.core.progress import Progress, Stop, report
from engine.inference.catalogue import MODELS
from engine.superresolution.networks.networks import NETWORKS

PAGE, SPEED = "comparison.md", "speed.json"
Record = Mapping[str, Any]


def publish(
    record: Record,
    folder: Path,
    *,
    speed: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> Path:
    """Write the page and its pictures into the folder; the page's path.

    Args:
        record: Of the comparison.
        folder: Where its record is.
        speed: Measurements of the systems; None: those kept in the folder, or measured now.
        progress: Told while measuring.
        cancelled: Looked at while measuring.

    Raises:
        Cancelled: If it was.
    """
    path = folder / PAGE
    if speed is None:
        speed = _speed(record, folder, progress, cancelled)
    sections = _sections(record, folder, speed, "")
    lines = ["# All super-resolution systems under one budget", "", *sections, *published.section()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def summary(record: Record) -> list[tuple[str, ...]]:
    """Name, RMSE, RMSE with exact block means and training seconds, the best system first.

    Of the largest share of the training part.
    """
    share = max(run["fraction"] for run in record["runs"].values())
    known = [name for name in _compared(record) if _runs(record, name, share)]
    rows = []
    for name in sorted(known, key=lambda n: _score(record, n, share, "exact_means", "rmse")):
        runs = _runs(record, name, share)
        errors = (_spread([r[kind]["rmse"] for r in runs]) for kind in ("as_it_is", "exact_means"))
        seconds = statistics.mean(run["training_seconds"] for run in runs)
        rows.append((name, *errors, f"{seconds:.0f}"))
    return rows


def collect(
    folders: Sequence[Path], path: Path, notes: Path, *, further: Sequence[str] = ()
) -> None:
    """One page of several comparisons: what they say, in words, then each, then the paper's.

    Args:
        folders: Of comparisons, below the page's own folder.
        path: Of the page.
        notes: What the numbers say, written by a person.
        further: Lines of more sections, before the paper's.
    """
    lines = [
        "# All super-resolution systems under one budget",
        "",
        "Made by `make results-comparison` from the records in "
        f"{', '.join(f'`{f.name}/{RECORD}`' for f in folders)}; the part that follows is written "
        "by hand.",
        "",
        notes.read_text(encoding="utf-8").strip(),
        "",
    ]
    for folder in folders:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        speed = _speed(record, folder)
        lines += _sections(record, folder, speed, f"{folder.relative_to(path.parent).as_posix()}/")
    lines += further
    lines += published.section(published.sizes(path.with_suffix("")))
    path.write_text(
        "\n".join(lines) + "\n",
        encoding="utf-8",
    )


def _sections(record: Record, folder: Path, speed: Mapping[str, Any], prefix: str) -> list[str]:
    """All of one comparison; its pictures are written into its folder."""
    names = _compared(record)
    charts = _charts(record, names)
    for name, text in charts.items():
        (folder / f"{name}.svg").write_text(text, encoding="utf-8")
    sheets = _sheets(names, folder)
    return [
        *_head(record),
        *_tables(record, names, speed),
        *_shares(record, names),
        *_pictures(record, list(charts), sheets, prefix),
    ]


def _compared(record: Record) -> list[str]:
    return [n for n in ALL if any(run["model"] == n for run in record["runs"].values())]


def _speed(
    record: Record, folder: Path, progress: Progress | None = None, cancelled: Stop | None = None
) -> dict[str, Any]:
    """One 800 × 720 day of each system, kept beside the record."""
    path = folder / SPEED
    known: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    names = _compared(record)
    for i, name in enumerate(names):
        if name not in known:
            report(progress, cancelled, i / len(names), f"timing {name} on an 800 × 720 map")
            known[name] = bench.measured(name, record["fixed"]["preset"], record["threads"])
            path.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    return known


def _head(record: Record) -> list[str]:
    fixed, tested = record["fixed"], record["tested"]
    budget = f"{fixed['steps']} steps" if fixed["steps"] else f"{fixed['minutes']:g} minutes"
    seeds = record["plan"]["seeds"]
    what = "**SYNTHETIC data.** " if record["synthetic"] else ""
    shape = record["shape"]
    return [
        f"## {fixed['data']}",
        "",
        f"{what}Data: {record['data']} ({record['licence']}), {shape['latitude']} × "
        f"{shape['longitude']} fine cells, one map a {record['period']}. Coarse maps are block "
        "means of 8 × 8 fine cells: *synthetic degradation*. Scored on the dates from "
        f"{tested[0]} to {tested[1]}{_scored(record)}, from which nothing learned and by "
        "which nothing was stopped.",
        "",
        f"Every network: preset `{fixed['preset']}`, **{budget}**, batch {fixed['batch']}, crops "
        f"of {fixed['crop']} coarse cells, squared error over valid cells, the same "
        f"data in the same order, the same early stopping{_look(fixed)}, "
        f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}. Hardware: "
        f"{record['threads']} CPU thread(s), {record['machine']}, PyTorch {record['torch']}; the "
        "machine did other things too, so "
        "that seconds are rough. All start from the map that they give without learning: their "
        "bilinear map, Urban-FM the block's value. None sees the past of the place; HA and the "
        "ratios are nothing but that.",
        "",
    ]


def _look(fixed: Mapping[str, Any]) -> str:
    if not fixed.get("look"):
        return ""
    return f" (by the middle {fixed['look']} × {fixed['look']} coarse cells)"


def _scored(record: Record) -> str:
    every = record["fixed"]["every"]
    number = max(run["dates"] for run in record["runs"].values())
    return f" ({number} of them{f', one in {every}' if every else ''})"


def _tables(record: Record, names: Sequence[str], timed: Mapping[str, Any]) -> list[str]:
    """One table for each share of the training part, the largest first."""
    shares = sorted({run["fraction"] for run in record["runs"].values()}, reverse=True)
    lines = [
        "“Exact” is the same map moved to the nearest one whose block means are the coarse map's: "
        "one line of algebra, which cannot make the squared error larger. Sorted by RMSE with "
        "exact block means. RMSE and MAE in µg/m³, MAPE a fraction with a denominator of at least "
        "1 µg/m³, over valid cells; “paper-like” over all cells with no data as 0. Seconds are "
        "processor seconds, memory that of the whole process. ± is the standard deviation over "
        "seeds, where there are several.",
        "",
    ]
    for share in shares:
        lines += _table(record, names, timed, share)
    return lines


def _table(
    record: Record, names: Sequence[str], timed: Mapping[str, Any], share: float
) -> list[str]:
    known = [name for name in names if _runs(record, name, share)]
    lines = [
        f"### With {share:.0%} of the training part",
        "",
        "| system | RMSE | RMSE exact | MAE | MAE exact | MAPE | MAPE exact | RMSE, MAE, MAPE "
        "paper-like | paper-like, exact | parameters | s per 800 × 720 map | peak MB "
        "| training s | steps | seeds |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name in sorted(known, key=lambda n: _score(record, n, share, "exact_means", "rmse")):
        runs = _runs(record, name, share)
        cells = [
            _spread([run[kind][metric] for run in runs])
            for metric in ("rmse", "mae", "mape")
            for kind in ("as_it_is", "exact_means")
        ]
        cells += [_paper_like(runs, kind) for kind in ("as_it_is", "exact_means")]
        own = timed.get(name, {})
        seconds = f"{own['processor_seconds']:.3g}" if own else "–"
        lines.append(
            f"| {MODELS[name].title} (`{name}`) | {' | '.join(cells)} | "
            f"{runs[0]['parameters']:,} | {seconds} | {own.get('peak_megabytes', '–')} | "
            f"{statistics.mean(run['training_seconds'] for run in runs):.0f} | "
            f"{runs[0].get('steps', '–')} | {len(runs) if name in NETWORKS else '–'} |"
        )
    return [*lines, "", *_verdict(record, known, share)]


def _verdict(record: Record, known: Sequence[str], share: float) -> list[str]:
    """Where AirSTFM stands, in words."""
    learned = [name for name in known if name in NETWORKS]
    if "airstfm" not in learned or len(learned) < 2:
        return []
    said = []
    for kind, words in (("as_it_is", "as they are"), ("exact_means", "with exact block means")):

        def error(name: str, kind: str = kind) -> float:
            return _score(record, name, share, kind, "rmse")

        order, first = sorted(learned, key=error), min(known, key=error)
        place, ours = order.index("airstfm") + 1, error("airstfm")
        best = next(name for name in order if name != "airstfm")
        away = f"{abs(ours - error(best)):.3f} {'behind' if ours > error(best) else 'ahead of'}"
        said.append(
            f"{words}, AirSTFM is number {place} of {len(order)} networks, {away} "
            f"{MODELS[best].title}; best of all is {MODELS[first].title} ({error(first):.3f})"
        )
    return [f"By RMSE: {'; '.join(said)}.", ""]


def _paper_like(runs: Sequence[Mapping[str, Any]], kind: str) -> str:
    return ", ".join(
        f"{statistics.mean(run[kind][metric] for run in runs):.3f}"
        for metric in ("paper_rmse", "paper_mae", "paper_mape")
    )


def _shares(record: Record, names: Sequence[str]) -> list[str]:
    shares = sorted({run["fraction"] for run in record["runs"].values()}, reverse=True)
    if len(shares) < 2:
        return []
    heads = " | ".join(f"{s:.0%} | {s:.0%} exact" for s in shares)
    lines = [
        "### With less to learn from, at a glance",
        "",
        "RMSE with the first part of the training dates alone.",
        "",
        f"| system | {heads} |",
        f"|---|{'--:|' * 2 * len(shares)}",
    ]
    for name in names:
        cells = []
        for share in shares:
            runs = _runs(record, name, share)
            for kind in ("as_it_is", "exact_means"):
                cells.append(_spread([run[kind]["rmse"] for run in runs]) if runs else "–")
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return [*lines, ""]


def _charts(record: Record, names: Sequence[str]) -> dict[str, str]:
    share = max(run["fraction"] for run in record["runs"].values())
    firsts = {n: _runs(record, n, share)[0] for n in names if _runs(record, n, share)}
    learned = {n: run for n, run in firsts.items() if run["curve"]}
    convergence = [
        Line(n, [c[0] for c in run["curve"]], [c[1] for c in run["curve"]])
        for n, run in learned.items()
    ]
    size = [
        Line(n, [run["parameters"]], [run["exact_means"]["rmse"]], dots=True)
        for n, run in learned.items()
    ]
    some = next(iter(firsts.values()))
    spectra = [Line("target", some["wavelength"], some["target"])]
    spectra += [Line(n, run["wavelength"], run["spectrum"]) for n, run in firsts.items()]
    return {
        "convergence": chart(
            "Validation RMSE while training", Axis("step"), Axis("RMSE, µg/m³"), convergence
        ),
        "parameters": chart(
            "Parameters against error",
            Axis("parameters", logarithmic=True),
            Axis("RMSE with exact block means, µg/m³"),
            size,
        ),
        "spectra": chart(
            "Radial power spectra, mean over the test dates",
            Axis("wavelength, km", logarithmic=True, reverse=True),
            Axis("power, (µg/m³)² km²", logarithmic=True),
            spectra,
        ),
    }


def _sheets(names: Sequence[str], folder: Path) -> list[str]:
    """Maps, errors of the winter day, and mean errors, as PNG."""
    place = folder / PICTURES
    known = ["target", *(n for n in names if (place / f"{n}.npy").is_file())]
    if not (place / "target.npy").is_file():  # a record without its maps: the pictures it has
        return [n for n in ("maps", "errors", "mean-errors") if (folder / f"{n}.png").is_file()]
    maps = {n: _map(place / f"{n}.npy") for n in known}
    target = maps["target"]
    high = float(np.ceil(np.nanpercentile(target, 99) / 10) * 10)
    sheet(folder / "maps.png", maps, high=max(high, 1.0))
    errors = {n: np.abs(values - target) for n, values in maps.items() if n != "target"}
    most = float(np.ceil(np.nanpercentile(np.stack(list(errors.values())), 99)))
    sheet(folder / "errors.png", errors, high=max(most, 1.0), heat=True)
    means = {n: _map(place / f"{n}-error.npy") for n in known if n != "target"}
    most = float(np.ceil(np.nanpercentile(np.stack(list(means.values())), 99)))
    sheet(folder / "mean-errors.png", means, high=max(most, 1.0), heat=True)
    return ["maps", "errors", "mean-errors"]


def _pictures(
    record: Record, charts: Sequence[str], sheets: Sequence[str], prefix: str
) -> list[str]:
    said = {
        "maps": f"Predictions for {record.get('winter', 'a winter date')}, the target first.",
        "errors": "Absolute error on that date.",
        "mean-errors": "Absolute error of each cell, mean over the test dates.",
    }
    lines = ["### Pictures", ""]
    for name in sheets:
        lines += [said[name], "", f"![{said[name]}]({prefix}{name}.png)", ""]
    for name in charts:
        lines += [f"![{name}]({prefix}{name}.svg)", ""]
    return lines


def _runs(record: Record, name: str, share: float) -> list[Mapping[str, Any]]:
    return [r for r in record["runs"].values() if r["model"] == name and r["fraction"] == share]


def _score(record: Record, name: str, share: float, kind: str, metric: str) -> float:
    runs = _runs(record, name, share)
    return statistics.mean(r[kind][metric] for r in runs) if runs else float("inf")


def _spread(values: Sequence[float]) -> str:
    """The mean, and the standard deviation where there are several."""
    text = f"{statistics.mean(values):.3f}"
    return f"{text} ± {statistics.stdev(values):.3f}" if len(values) > 1 else text


def _map(path: Path) -> NDArray[np.float32]:
    values: NDArray[np.float32] = np.load(path, allow_pickle=False).astype(np.float32)
    return values
