"""`python -m engine.research.stepdiff.page`: scores of STeP-Diff, as docs/results/stepdiff.md.

Goes on where it was stopped: scores are kept in docs/results/stepdiff.json, one method at a time.
Kolkata, its fixed sensors and Changshu must be in the library as `kolkata`, `kolkata-static` and
`changshu`; without them the page holds what it held, and the simulated city. With `kept`
after it the page is written anew from the numbers that are there.
"""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from engine.core.errors import EngineError, NotFoundError
from engine.core.files import write_atomic
from engine.core.paths import ASSETS
from engine.core.results_page import TEMPLATES, fill, read, table, verdict
from engine.research.stepdiff import baselines as citybaselines
from engine.research.stepdiff import tables as experiments
from engine.research.stepdiff.runs import (
    BESIDE,
    MEAN_WEIGHT,
    OMEGAS,
    OPERATOR,
    PROBABLE,
    PUBLISHED,
    SINGLE,
    SINGLES,
    VARIANTS,
    Kept,
    score_place,
)
from engine.research.stepdiff.samplers import SAMPLERS
from engine.research.stepdiff.scores import MEMBERS, places
from engine.research.stepdiff.tables import per_cent

FOLDER = Path("docs/results")
MEANS = tuple(citybaselines.SIMPLE)
ORDER = (
    *citybaselines.SIMPLE,
    *citybaselines.FITTED,
    *SINGLES,
    *PUBLISHED,
    PROBABLE,
)
SURE = (*citybaselines.SIMPLE, *citybaselines.FITTED, *SINGLES)  # deterministic
GUESS = "anomaly kriging (first guess)"
TITLES = {"kolkata": "Kolkata", "changshu": "Changshu", "twin": "Nanjing, simulated"}
TEMPLATE = TEMPLATES / "stepdiff.md"


def main() -> None:
    """Score what is not scored yet, then write the page; with `kept` write the page alone."""
    torch.set_num_threads(1)
    wanted = sys.argv[1:] or list(TITLES)
    if wanted != ["kept"]:
        kept = Kept(FOLDER / "stepdiff.json")
        with tempfile.TemporaryDirectory() as scratch:
            for key, place in places(ASSETS).items():
                if key in wanted:
                    score_place(kept, key, place, Path(scratch), _say)
    again()


def again(results: Path = FOLDER) -> None:
    """Write the page from the numbers that are kept.

    Raises:
        NotFoundError: If there are none.
    """
    kept = Kept(results / "stepdiff.json")
    if not kept.found:
        raise NotFoundError(
            "there are no scores yet", where=str(kept.path), remedy="Run make results-stepdiff"
        )
    write_atomic(results / "stepdiff.md", page(kept.found))


def page(found: Mapping[str, Any]) -> str:
    """The page in Markdown, from what is kept."""
    parts = read(TEMPLATE)
    scored = [key for key in TITLES if "methods" in found.get(key, {})]
    tables = {
        "short": _short(found),
        "places": "\n\n".join(_place(found[key], parts) for key in scored),
        "samplers": experiments.samplers(found, TITLES, parts["samplers"]),
        "spreads": experiments.spreads(found, TITLES, parts),
        "mean_weight": experiments.mean_weight(found, TITLES, parts["mean_weight"]),
        "parts": experiments.parts(found.get("changshu", {}), parts["parts"]),
        "weights": " ".join(_weight(key, found[key]["methods"], parts) for key in scored),
        "missing": _missing(found, parts["missing"]),
    }
    budgets = {"single": SINGLE.steps, "beside": BESIDE.steps}
    return fill(parts["page"], {"budgets": budgets}, tables) + "\n"


def _weight(key: str, methods: Mapping[str, Any], parts: Mapping[str, str]) -> str:
    """Weight of the members' mean, and the errors with it, without it and with all of it."""
    if PROBABLE not in methods or GUESS not in methods:
        return ""
    record = methods[PROBABLE] | {"title": TITLES[key], "guess": methods[GUESS]["mae"]}
    return fill(parts["weight"], record, {})


def _missing(found: Mapping[str, Any], template: str) -> str:
    """What was not run yet, as a last note; nothing if all was."""
    left = []
    for key, title in TITLES.items():
        known = found.get(key, {})
        names = [name for name in ORDER if name not in known.get("methods", {})]
        names += [f"sampler {name}" for name in SAMPLERS if name not in known.get("samplers", {})]
        names += [] if "rules" in known or key == "kolkata" else ["rules for the spread"]
        mean_weights = (OPERATOR, MEAN_WEIGHT) if key == "kolkata" else (OPERATOR,)
        names += [
            f"weight of {name}" for name in mean_weights if name not in known.get("mean_weight", {})
        ]
        if key == "changshu":
            names += [name for name in VARIANTS if name not in known.get("variants", {})]
            names += [f"physics × {o:g}" for o in OMEGAS if f"{o:g}" not in known.get("omega", {})]
        left += [f"{title}: {', '.join(names)}"] if names else []
    return fill(template, {"left": ". ".join(left)}, {}) if left else ""


def best_mean(methods: Mapping[str, Any]) -> str:
    """The best of the methods that learn nothing but means."""
    return min((name for name in MEANS if name in methods), key=lambda n: methods[n]["mae"])


def _short(found: Mapping[str, Any]) -> list[str]:
    rows = []
    for key in TITLES:
        methods = found.get(key, {}).get("methods", {})
        if PROBABLE not in methods:
            continue
        ours, base = methods[PROBABLE], best_mean(methods)
        lowest = min(v["mae"] for n, v in methods.items() if n in SURE)
        rows.append(
            (
                TITLES[key],
                f"{ours['mae']:.2f}",
                f"{base}: {methods[base]['mae']:.2f}",
                f"{per_cent(ours['mae'] / methods[base]['mae'])}",
                shown(ours, methods[base]),
                f"{ours['crps']:.2f}",
                f"{lowest:.2f}",
                f"{ours['coverage_90']:.0%}",
            )
        )
    head = (
        "",
        "MAE",
        "best simple mean",
        "MAE against it (target −20 %)",
        "shown",
        "CRPS",
        "lowest deterministic MAE (target above CRPS)",
        "90 % intervals cover (target 85–95 %)",
    )
    return table(head, rows, "---")


def shown(ours: Mapping[str, float], base: Mapping[str, float]) -> str:
    """What two intervals of the mean absolute error show of the first against the second."""
    return verdict(ours["mae_low"] - base["mae_high"], ours["mae_high"] - base["mae_low"])


def _place(found: Mapping[str, Any], parts: Mapping[str, str]) -> str:
    methods, ours = found["methods"], found["methods"].get(PROBABLE, {})
    constant = methods.get("released metric of a constant")
    tables: dict[str, str | Sequence[str]] = {
        "methods": _methods(methods),
        "leads": _leads(methods),
        "probable": _sureness(methods),
        "physics": fill(parts["physics"], ours, {}) if "physics_guess" in ours else "",
        "constant": fill(parts["constant"], constant, {}) if constant else "",
    }
    for name, title in (
        ("fixed", "At fixed sensors, which no method uses"),
        ("truth", "Against the truth in every cell"),
        ("never_visited", "In cells that no vehicle visited"),
    ):
        tables[name] = _other(methods, name, title)
    return fill(parts["place"], found["about"]["split"] | {"members": MEMBERS}, tables)


def _methods(methods: Mapping[str, Any]) -> list[str]:
    base = methods[best_mean(methods)]["mae"]
    rows = []
    for name in ORDER:
        if name not in methods:
            continue
        m = methods[name]
        sure = m["coverage_50"] == m["coverage_50"]  # NaN is not itself
        rows.append(
            (
                f"**{name}**" if name == PROBABLE else name,
                f"{m['mae']:.2f} ({m['mae_low']:.1f}–{m['mae_high']:.1f})",
                f"{m['rmse']:.2f}",
                f"{m['mape']:.2f}",
                f"{m['crps']:.2f}",
                f"{m['coverage_50']:.0%} / {m['coverage_90']:.0%}" if sure else "",
                f"{m['physics']:.2f}" if "physics" in m else "",
                per_cent(m["mae"] / base),
            )
        )
    head = (
        "method", "MAE (95 %)", "RMSE", "MAPE", "CRPS", "50 / 90 % intervals cover",
        "physics residual", "MAE against",
    )  # fmt: skip
    return table(head, rows, "---")


def _leads(methods: Mapping[str, Any]) -> list[str]:
    best = best_mean(methods)
    names = [best, "ridge (VAR)", GUESS, PROBABLE]
    names = [name for name in names if name in methods]
    by_lead = {name: methods[name]["mae_by_lead"] for name in names}
    hours = range(len(by_lead[best]))
    rows = [
        (name, *("" if by_lead[name][i] is None else f"{by_lead[name][i]:.1f}" for i in hours))
        for name in names
    ]
    if PROBABLE in by_lead:
        ours, base = by_lead[PROBABLE], by_lead[best]
        pairs = [(ours[i], base[i]) for i in hours]
        rows.append(
            (
                f"MAE of STeP-Diff against {best}",
                *("" if None in pair else per_cent(pair[0] / pair[1]) for pair in pairs),
            )
        )
    return table(("MAE by lead time", *(f"+{i + 1} h" for i in hours)), rows, "---")


def _sureness(methods: Mapping[str, Any]) -> list[str]:
    """CRPS and both intervals of the probable methods, by lead hour."""
    kinds = (
        ("CRPS", "crps", ".1f"),
        ("50 % interval covers", "coverage_50", ".0%"),
        ("90 % interval covers", "coverage_90", ".0%"),
    )
    rows = []
    for name in (PROBABLE, *PUBLISHED):
        for title, kind, form in kinds:
            values = methods.get(name, {}).get(f"{kind}_by_lead")
            if values:
                rows.append(
                    (f"{name}: {title}", *("" if v is None else format(v, form) for v in values))
                )
    if not rows:
        return []
    hours = range(len(rows[0]) - 1)
    return table(("by lead time", *(f"+{i + 1} h" for i in hours)), rows, "---")


def _other(methods: Mapping[str, Any], what: str, title: str) -> list[str]:
    rows = []
    for name in ORDER:
        m = methods.get(name, {}).get(what)
        if m is None or m["mae"] != m["mae"]:
            continue
        sure = m["coverage_50"] == m["coverage_50"]
        rows.append(
            (
                name,
                f"{m['count']:,}",
                f"{m['mae']:.2f}",
                f"{m['rmse']:.2f}",
                f"{m['crps']:.2f}" if sure else "",
                f"{m['coverage_90']:.0%}" if sure else "",
            )
        )
    if not rows:
        return []
    head = (title, "values", "MAE", "RMSE", "CRPS", "90 % intervals cover")
    return table(head, rows, "---")


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    try:
        main()
    except EngineError as problem:
        _say(f"airlens: {problem}")
        sys.exit(2)
