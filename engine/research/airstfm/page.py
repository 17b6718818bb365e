"""`docs/results/airstfm.md`: how good the shipped weights are.

`python -m engine.research.airstfm.page`; with `kept` after it the page is written anew from the
numbers that are there, with `days` the demo's days alone are measured again. Everything on it but
the paper's numbers is computed here, from the data, the weights in `assets/weights` and the short
trainings of `engine.research.airstfm.ablation`.
"""

import datetime as dt
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from engine import library
from engine.core.errors import EngineError, NotFoundError
from engine.core.files import write_atomic
from engine.core.progress import Progress, part
from engine.core.results_page import TEMPLATES, fill, reached, read, table, verdict
from engine.inference.catalogue import MODELS
from engine.research.airstfm import ablation, static_guidance
from engine.research.airstfm.scores import BANDS, BASE, Question, ask
from engine.research.comparison.tables import RESULTS, WUSTL
from engine.superresolution.recipe_airstfm import SEASONS

Answers = Mapping[str, Mapping[str, Any]]

MODELS_SHOWN = ("bicubic", "ha", "ha-monthly", "bicubic-ratio", "local-regression", "airstfm")
MONTHS = Question(
    "wustl",
    MODELS_SHOWN,
    dt.date(2017, 1, 1),
    dt.date(2018, 12, 31),
    "eastern-china",
    ("yrd", "north-china", "sichuan", "all"),
)
STOPPING = replace(
    MONTHS,
    models=("bicubic", "bicubic-ratio", "local-regression", "airstfm"),
    start=dt.date(2015, 1, 1),
    end=dt.date(2016, 12, 31),
    also=(),
)
LATER = replace(MONTHS, models=("local-regression",), train_end=dt.date(2016, 12, 31), also=())
# Three years give no climatology: what a user with a short record is given.
UNKNOWN = replace(MONTHS, models=("bicubic", "airstfm"), train_end=dt.date(2000, 12, 31), also=())
DAYS = Question(
    "demo", ("bicubic", BASE, "airstfm"), dt.date(2014, 7, 1), dt.date(2015, 1, 30), "all", every=5
)
DAYS_LATER = replace(
    DAYS,
    models=("bicubic", "ha", "ha-monthly", "bicubic-ratio", BASE, "airstfm"),
    start=dt.date(2015, 1, 1),
)
METRICS = ("rmse", "mae", "mape", "bias", "correlation")
TEMPLATE = TEMPLATES / "airstfm.md"
DRAWS = 2000
GOAL = 1.8  # of the RMSE on monthly maps, ug m-3
PAPER_LIKE = ("paper_rmse", "paper_mae", "paper_mape")


def measure(source: Path = WUSTL, progress: Progress | None = None) -> dict[str, Answers]:
    """All scores of the page.

    Raises:
        NotFoundError: If the data are not there.
        EngineError: If they cannot be scored.
    """
    if not source.exists():
        raise NotFoundError(
            "the data of this page are not there",
            where=str(source),
            remedy="Put the file there, or name it as argument",
        )
    with ablation.own_library():
        library.import_files("grid", [source], "wustl", train_end=dt.date(2014, 12, 31))
        questions = {
            "months": MONTHS,
            "stopping": STOPPING,
            "later": LATER,
            "unknown": UNKNOWN,
            "days": DAYS,
            "days_later": DAYS_LATER,
        }
        return {
            name: ask(question, part(progress, i / len(questions), (i + 1) / len(questions)))
            for i, (name, question) in enumerate(questions.items())
        }


def page(
    found: Mapping[str, Answers],
    short: Mapping[str, Any],
    paper: str,
    static_fields: Mapping[str, Any] | None = None,
) -> str:
    """The page in Markdown.

    Args:
        found: Scores, as `measure` gives them.
        short: What `engine.research.airstfm.ablation` keeps.
        paper: The part with the paper's own numbers.
        static_fields: What `engine.research.airstfm.static_guidance` keeps.
    """
    parts = read(TEMPLATE)
    months, days = found["months"], found["days"]
    seasons = tuple(s for s in SEASONS if s in days["airstfm"])
    worlds = "four worlds, one a season, that took no part in training or stopping"
    tables = {
        "months": _main_table(months),
        "months_paper_like": _table(months, PAPER_LIKE, ("RMSE", "MAE", "MAPE")),
        "months_groups": _groups(months, (*SEASONS, *MONTHS.also)),
        "months_spectra": _structure(parts["spectra"], months),
        "months_coverage": _coverage(
            parts["coverage"], months, "the validation part", (*SEASONS, *MONTHS.also)
        ),
        "stopping": _table(found["stopping"], METRICS, ("RMSE", "MAE", "MAPE", "bias", "r")),
        "unknown": _main_table(found["unknown"]),
        "days": _main_table(days),
        "days_groups": _groups(days, seasons),
        "days_spectra": _structure(parts["spectra"], days),
        "days_coverage": _coverage(parts["coverage"], days, worlds, seasons),
        "days_later": _main_table(found["days_later"]),
        "days_gains": _gains(days),
        "days_later_gains": _gains(found["days_later"]),
        "switches": ablation.section(short, parts),
        "static_fields": static_guidance.section(short, static_fields or {}, parts),
        "paper": paper,
    }
    record = {
        "scores": found,
        "goal": GOAL,
        "goal_reached": reached(-_rmse(months, "airstfm"), -GOAL),
        "change": {name: _change(months, name) for name in months}
        | {
            "unknown": _change(found["unknown"], "bicubic"),
            "days_bicubic": _change(days, "bicubic"),
            "days_base": _change(days, BASE),
        },
    }
    return fill(parts["page"], record, tables) + "\n"


def _gains(answers: Answers) -> list[str]:
    """AirSTFM's error beside each other model's, with a 95 % interval over dates."""
    ours = np.array(answers["airstfm"].get("squares_of_dates", []))
    rows = []
    for name, answer in answers.items():
        other = np.array(answer.get("squares_of_dates", []))
        if name == "airstfm" or other.size != ours.size or not ours.size:
            continue
        drawn = np.random.default_rng(0).integers(0, ours.size, (DRAWS, ours.size))
        changes = np.sqrt(ours[drawn].sum(1) / other[drawn].sum(1)) - 1
        low, high = np.percentile(changes, [2.5, 97.5])
        change = float(np.sqrt(ours.sum() / other.sum()) - 1)
        rows.append(
            (_title(name), f"{change:+.1%}", f"{low:+.1%} to {high:+.1%}", verdict(low, high))
        )
    return table(("AirSTFM against", "change of RMSE", "95 % interval over dates", "shown"), rows)


def _rmse(answers: Answers, model: str, group: str = "year") -> float:
    return float(answers[model][group]["rmse"])


def _change(answers: Answers, base: str) -> float:
    """Of AirSTFM's RMSE against another model's, as a share of that."""
    return _rmse(answers, "airstfm") / _rmse(answers, base) - 1


def _title(model: str) -> str:
    if model == BASE:
        return "Regression on the training worlds (corrected by AirSTFM)"
    return f"{MODELS[model].title} (`{model}`)"


def _main_table(answers: Answers) -> list[str]:
    rows = [
        (
            _title(model),
            *(_number(answer["year"][key]) for key in METRICS),
            f"{answer['block_mean_difference']:.3f}",
        )
        for model, answer in answers.items()
    ]
    heads = ("model", "RMSE", "MAE", "MAPE", "bias", "r", "largest block mean off by")
    return table(heads, rows, "--:")


def _table(answers: Answers, keys: tuple[str, ...], heads: tuple[str, ...]) -> list[str]:
    rows = [
        (_title(model), *(_number(answer["year"][k]) for k in keys))
        for model, answer in answers.items()
    ]
    return table(("model", *heads), rows, "--:")


def _groups(answers: Answers, groups: tuple[str, ...]) -> list[str]:
    rows = [
        (_title(model), *(_number(answer[g]["rmse"]) for g in groups))
        for model, answer in answers.items()
    ]
    return table(("model", *groups), rows, "--:")


def _structure(template: str, answers: Answers) -> str:
    names = [f"{low}–{high}" for low, high in BANDS]
    rows = []
    for model, answer in answers.items():
        power, error = answer["power_over_target"], answer["error_power_over_target"]
        rows.append((_title(model), *(f"{power[n]:.2f} ({error[n]:.2f})" for n in names)))
    return fill(template, {}, {"spectra": table(("model", *names), rows, "--:")})


def _coverage(template: str, answers: Answers, calibrated: str, groups: Sequence[str]) -> str:
    """Coverage of the intervals, by season and region."""
    shares: Mapping[str, Mapping[str, float]] = answers["airstfm"]["coverage"]
    groups = [group for group in groups if group in shares]
    rows = [
        (name, *(f"{shares[g][name]:.1%}" for g in ("year", *groups))) for name in shares["year"]
    ]
    lines = table(("interval", "whole", *groups), rows, "--:")
    return fill(template, {"calibrated_on": calibrated}, {"coverage": lines})


def _number(value: float | int | None) -> str:
    # Adding 0 turns a rounded -0.000 into 0.000.
    return "–" if value is None else f"{round(float(value), 3) + 0:.3f}"


def main(source: Path = WUSTL, results: Path = RESULTS) -> None:
    """Measure, and write the page and its numbers."""
    found = measure(source, lambda share, doing: _tell(f"{share:4.0%} {doing}"))
    numbers = json.dumps({"scores": found}, indent=1, ensure_ascii=False, allow_nan=False)
    write_atomic(results / "airstfm.json", numbers + "\n")
    again(results)
    _tell("done\n")


def of_days(results: Path = RESULTS) -> None:
    """Measure the demo's days again, keep all other numbers, and write the page."""
    kept = json.loads((results / "airstfm.json").read_text(encoding="utf-8"))["scores"]
    with ablation.own_library():
        for name, question in {"days": DAYS, "days_later": DAYS_LATER}.items():
            kept[name] = ask(question, lambda share, doing: _tell(f"{share:4.0%} {doing}"))
    numbers = json.dumps({"scores": kept}, indent=1, ensure_ascii=False, allow_nan=False)
    write_atomic(results / "airstfm.json", numbers + "\n")
    again(results)


def again(results: Path = RESULTS, short_rows: Path = ablation.RESULTS) -> None:
    """Write the page from the numbers that are kept.

    Raises:
        NotFoundError: If there are none.
    """
    kept = results / "airstfm.json"
    if not kept.exists():
        raise NotFoundError(
            "there are no scores yet", where=str(kept), remedy="Run make results-airstfm"
        )
    found = json.loads(kept.read_text(encoding="utf-8"))["scores"]
    short = json.loads(short_rows.read_text(encoding="utf-8")) if short_rows.exists() else {}
    paper = (RESULTS / "airstfm-paper.md").read_text(encoding="utf-8")
    static = static_guidance.RESULTS
    fields = json.loads(static.read_text(encoding="utf-8")) if static.is_file() else {}
    write_atomic(results / "airstfm.md", page(found, short, paper, fields))


def _tell(text: str) -> None:
    sys.stderr.write(f"\r{text:70s}" if sys.stderr.isatty() else "")
    sys.stderr.flush()


if __name__ == "__main__":
    try:
        if sys.argv[1:] == ["kept"]:
            again()
        elif sys.argv[1:] == ["days"]:
            of_days()
        else:
            main(*(Path(given) for given in sys.argv[1:2]))
    except EngineError as problem:
        sys.stderr.write(f"airlens: {problem}\n")
        sys.exit(2)
