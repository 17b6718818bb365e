"""A comparison as a page: table, pictures, and the paper's own table beside.

Everything on the page but the paper's numbers comes from the record of `engine.comparison.runs`;
its text is `page.md`, beside this module.
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
from engine.core.files import write_atomic
from engine.core.progress import Progress, Stop, report
from engine.core.results_page import fill, read, table, verdict_of_runs
from engine.inference.catalogue import MODELS
from engine.superresolution.networks.networks import NETWORKS
from engine.verify.metric_tables import COMPARISON_PAGE

PAGE, SPEED = "comparison.md", "speed.json"
SHEETS = ("maps", "errors", "mean-errors")
TEMPLATE = Path(__file__).with_name("page.md")
Record = dict[str, Any]


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
        progress: Called while measuring.
        cancelled: Looked at while measuring.

    Raises:
        Cancelled: If it was.
    """
    path = folder / PAGE
    if speed is None:
        speed = _speed(record, folder, progress, cancelled)
    sections = _sections(record, folder, speed, "")
    tables = {"comparison": sections, "paper": published.section()}
    write_atomic(path, fill(read(TEMPLATE)["page"], {}, tables) + "\n")
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
    folders: Sequence[Path], path: Path, template: Path, further: str | Sequence[str] = ()
) -> None:
    """One page of several comparisons: what they are, then each, then the paper's.

    Args:
        folders: Of comparisons, below the page's own folder.
        path: Of the page.
        template: Of the page; its tables are `missing`, `comparisons`, `further` and `paper`.
        further: Sections after the comparisons, in Markdown.
    """
    parts = read(template)
    records = {f: json.loads((f / RECORD).read_text(encoding="utf-8")) for f in folders}
    sections = [
        _sections(record, f, _speed(record, f), f"{f.relative_to(path.parent).as_posix()}/")
        for f, record in records.items()
    ]
    left = "; ".join(text for f, record in records.items() if (text := _left(f.name, record)))
    tables = {
        "missing": fill(parts["missing"], {"left": left}, {}) if left else "",
        "comparisons": "\n\n".join(sections),
        "further": further,
        "paper": published.section(published.sizes(path.with_suffix(""))),
    }
    named = ", ".join(f"`{f.name}/{RECORD}`" for f in folders)
    write_atomic(path, fill(parts["page"], {"records": named}, tables) + "\n")


def _left(name: str, record: Record) -> str:
    """Networks of a plan that lack a seed with some share of the training part; empty: none."""
    shares = [
        f"seed {seed} with {share:.0%} ({', '.join(lacking)})"
        for share in record["plan"]["fractions"]
        for seed in record["plan"]["seeds"]
        if (
            lacking := [
                n
                for n in _compared(record)
                if n in NETWORKS and not any(run["seed"] == seed for run in _runs(record, n, share))
            ]
        )
    ]
    return f"{name}: {', '.join(shares)}" if shares else ""


def _sections(record: Record, folder: Path, speed: Mapping[str, Any], prefix: str) -> str:
    """All of one comparison; its pictures are written into its folder."""
    parts, names = read(TEMPLATE), _compared(record)
    charts = _charts(record, names)
    for name, text in charts.items():
        (folder / f"{name}.svg").write_text(text, encoding="utf-8")
    sheets = _sheets(names, folder)
    shares = sorted({run["fraction"] for run in record["runs"].values()}, reverse=True)
    tables = {
        "scores": "\n\n".join(_scores(record, names, speed, share, parts) for share in shares),
        "fractions": _shares(record, names, shares, parts["fractions"]),
        "pictures": _pictures(record, list(charts), sheets, prefix, parts),
    }
    return fill(parts["comparison"], record | _derived(record), tables)


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


def _derived(record: Record) -> dict[str, Any]:
    """What the head of a comparison says besides the record's own values."""
    fixed = record["fixed"]
    look, every = fixed.get("look"), fixed["every"]
    return {
        "synthetic_mark": "**SYNTHETIC data.** " if record["synthetic"] else "",
        "budget": f"{fixed['steps']} steps" if fixed["steps"] else f"{fixed['minutes']:g} minutes",
        "seeds": ", ".join(map(str, record["plan"]["seeds"])),
        "look": f" (by the middle {look} × {look} coarse cells)" if look else "",
        "scored": max(run["dates"] for run in record["runs"].values()),
        "every": f", one in {every}" if every else "",
    }


def _scores(
    record: Record,
    names: Sequence[str],
    timed: Mapping[str, Any],
    share: float,
    parts: Mapping[str, str],
) -> str:
    """The systems with one share of the training part."""
    known = [name for name in names if _runs(record, name, share)]
    rows = []
    for name in sorted(known, key=lambda n: _score(record, n, share, "exact_means", "rmse")):
        runs, own = _runs(record, name, share), timed.get(name, {})
        rows.append(
            (
                f"{MODELS[name].title} (`{name}`)",
                *(
                    _spread([run[kind][metric] for run in runs])
                    for metric in COMPARISON_PAGE
                    for kind in ("as_it_is", "exact_means")
                ),
                *(_paper_like(runs, kind) for kind in ("as_it_is", "exact_means")),
                f"{runs[0]['parameters']:,}",
                f"{own['processor_seconds']:.3g}" if own else "–",
                str(own.get("peak_megabytes", "–")),
                f"{statistics.mean(run['training_seconds'] for run in runs):.0f}",
                str(runs[0].get("steps", "–")),
                str(len(runs)) if name in NETWORKS else "–",
            )
        )
    heads = (
        "system",
        *(f"{metric.upper()}{of}" for metric in COMPARISON_PAGE for of in ("", " exact")),
        "RMSE, MAE, MAPE paper-like", "paper-like, exact", "parameters",
        "s per 800 × 720 map", "peak MB", "training s", "steps", "seeds",
    )  # fmt: skip
    tables = {
        "systems": table(heads, rows, "--:"),
        "standing": _standing(record, known, share, parts["standing"]),
    }
    return fill(parts["scores"], {"share": share}, tables)


def _standing(record: Record, known: Sequence[str], share: float, template: str) -> str:
    """Where AirSTFM stands among the networks; nothing where it stands alone."""
    learned = [name for name in known if name in NETWORKS]
    if "airstfm" not in learned or len(learned) < 2:
        return ""
    lines = []
    for kind, words in (("as_it_is", "as it is"), ("exact_means", "with exact block means")):
        errors = {n: [r[kind]["rmse"] for r in _runs(record, n, share)] for n in known}
        means = {n: statistics.mean(values) for n, values in errors.items()}
        order, first = sorted(learned, key=means.__getitem__), min(known, key=means.__getitem__)
        other = next(name for name in order if name != "airstfm")
        standing = {
            "words": words,
            "place": order.index("airstfm") + 1,
            "count": len(order),
            "ours": means["airstfm"],
            "other": MODELS[other].title,
            "theirs": means[other],
            "verdict": verdict_of_runs(errors["airstfm"], errors[other]),
            "first": MODELS[first].title,
            "lowest": means[first],
        }
        lines.append(fill(template, standing, {}))
    return "\n".join(lines)


def _paper_like(runs: Sequence[Mapping[str, Any]], kind: str) -> str:
    return ", ".join(
        f"{statistics.mean(run[kind][metric] for run in runs):.3f}"
        for metric in ("paper_rmse", "paper_mae", "paper_mape")
    )


def _shares(record: Record, names: Sequence[str], shares: Sequence[float], template: str) -> str:
    """RMSE by share of the training part; nothing where there is but one."""
    if len(shares) < 2:
        return ""
    rows = []
    for name in names:
        cells = [f"`{name}`"]
        for share in shares:
            runs = _runs(record, name, share)
            for kind in ("as_it_is", "exact_means"):
                cells.append(_spread([run[kind]["rmse"] for run in runs]) if runs else "–")
        rows.append(cells)
    heads = [f"{share:.0%}{exact}" for share in shares for exact in ("", " exact")]
    return fill(template, {}, {"rows": table(("system", *heads), rows, "--:")})


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
    drawn = [n for n in SHEETS if (folder / f"{n}.png").is_file()]
    missing = not {"target", *names} <= {path.stem for path in place.glob("*.npy")}
    # Maps stay where they were computed; pictures of all systems are not drawn anew from a few.
    if missing and (drawn or not (place / "target.npy").is_file()):
        return drawn
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
    return list(SHEETS)


def _pictures(
    record: Record,
    charts: Sequence[str],
    sheets: Sequence[str],
    prefix: str,
    parts: Mapping[str, str],
) -> list[str]:
    winter = {"winter": record.get("winter", "a winter date")}
    lines = []
    for name in sheets:
        caption = fill(parts[name], winter, {})
        lines += [caption, "", f"![{caption}]({prefix}{name}.png)", ""]
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
