"""`docs/results/airstfm.md`: how good the shipped weights are.

`python -m engine.research.airstfm.page`; with `kept` after it the page is written anew from the
numbers that are there. Everything on it but the paper's numbers is computed here, from the data,
the weights in `assets/weights` and the short trainings of `engine.research.airstfm.ablation`.
"""

import datetime as dt
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine import library
from engine.core.errors import EngineError, NotFoundError
from engine.core.progress import Progress, part
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
# Three years are no past to learn from: what a user with a short record is given.
UNKNOWN = replace(MONTHS, models=("bicubic", "airstfm"), train_end=dt.date(2000, 12, 31), also=())
DAYS = Question(
    "demo", ("bicubic", BASE, "airstfm"), dt.date(2014, 7, 1), dt.date(2015, 1, 30), "all", every=5
)
DAYS_LATER = replace(
    DAYS,
    models=("bicubic", "ha", "ha-monthly", "bicubic-ratio", BASE, "airstfm"),
    start=dt.date(2015, 1, 1),
)
METRICS = ("rmse", "mae", "mape", "bias", "r")
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
    ground: Sequence[str] = (),
) -> str:
    """The page in Markdown; `ground` is the part on what the ground says."""
    months, days = found["months"], found["days"]
    day = _rmse(days, "airstfm") / _rmse(days, BASE) - 1
    ours, best = _rmse(months, "airstfm"), _rmse(months, "local-regression")
    lines = [
        "# AirSTFM: what the shipped weights can do",
        "",
        "Made by `make results-airstfm`; numbers in µg/m³ unless said, MAPE as a fraction with a "
        "denominator of at least 1 µg/m³. Coarse maps are block means of 8 × 8 fine cells: "
        "*synthetic degradation*. All valid fine cells of all dates pooled.",
        "",
        "## Monthly maps: WUSTL, East Asia, test 2017–2018",
        "",
        "Learned from 1998–2014, stopped by 2015–2016, scored on the 24 months after, over eastern "
        f"China (20–42° N, 100–124° E). **AirSTFM: RMSE {ours:.3f}**, "
        f"{1 - ours / _rmse(months, 'bicubic'):.0%} below bicubic, "
        f"{1 - ours / _rmse(months, 'bicubic-ratio'):.0%} below bicubic × monthly ratio, and "
        f"{ours / best - 1:+.2%} against the regression that it corrects: what the network itself "
        "brings on monthly maps is the uncertainty.",
        "",
        *_main_table(months),
        "",
        "As the paper probably counts, over all cells with no data as 0:",
        "",
        *_table(months, "year", PAPER_LIKE, ("RMSE", "MAE", "MAPE")),
        "",
        "RMSE by season, and elsewhere for the whole year:",
        "",
        *_groups(months, (*SEASONS, *MONTHS.also)),
        "",
        *_structure(months),
        "",
        *_coverage(months["airstfm"], "the validation part", (*SEASONS, *MONTHS.also)),
        "",
        "The years that decided when to stop, 2015–2016, are harder for every model:",
        "",
        *_table(found["stopping"], "year", METRICS, ("RMSE", "MAE", "MAPE", "bias", "r")),
        "",
        *_unknown(found["unknown"]),
        "",
        *_obstacles(found),
        "",
        "## Daily maps: the demo world (SYNTHETIC), a seed never trained on",
        "",
        "Learned from eight other worlds (other weather, other dates), scored on every "
        f"fifth of the 90 days of the shipped demo. **AirSTFM: RMSE "
        f"{_rmse(days, 'airstfm'):.3f}**, {_rmse(days, 'airstfm') / _rmse(days, 'bicubic'):.0%} of "
        "bicubic's. A simulated world has the same towns every day, so that this is easier than "
        "any real place; it says that the method works, not how well it would do elsewhere. "
        f"Against the regression that it corrects the network has {day:+.1%}: it, too, was "
        "trained for minutes, and brings the uncertainty rather than detail. Where no step of a "
        "training came below what it corrects, that is what is used; the card says so.",
        "",
        *_main_table(days),
        "",
        "RMSE by season:",
        "",
        *_groups(days, tuple(s for s in SEASONS if s in days["airstfm"])),
        "",
        *_structure(days),
        "",
        *_coverage(
            days["airstfm"],
            "four worlds, one a season, that neither taught nor stopped it",
            tuple(s for s in SEASONS if s in days["airstfm"]),
        ),
        "",
        "With what learns from the demo's own training part (to 2014-12-31), on the days after it:",
        "",
        *_main_table(found["days_later"]),
        "",
        *ablation.section(short),
        "",
        *([*ground, ""] if ground else []),
        paper,
    ]
    return "\n".join(lines)


def _rmse(answers: Answers, model: str, group: str = "year") -> float:
    return float(answers[model][group]["rmse"])


def _title(model: str) -> str:
    if model == BASE:
        return "Regression on the training worlds (what AirSTFM corrects)"
    return f"{MODELS[model].title} (`{model}`)"


def _main_table(answers: Answers) -> list[str]:
    heads = ("RMSE", "MAE", "MAPE", "bias", "r", "largest block mean off by")
    lines = _table(answers, "year", METRICS, heads)
    worst = [f"{answer['block_mean_difference']:.3f}" for answer in answers.values()]
    return lines[:2] + [f"{line} {w} |" for line, w in zip(lines[2:], worst, strict=True)]


def _table(
    answers: Answers, group: str, keys: tuple[str, ...], heads: tuple[str, ...]
) -> list[str]:
    rows = [
        f"| {_title(model)} | " + " | ".join(_number(answer[group][k]) for k in keys) + " |"
        for model, answer in answers.items()
    ]
    return [f"| model | {' | '.join(heads)} |", f"|---|{'--:|' * len(heads)}", *rows]


def _groups(answers: Answers, groups: tuple[str, ...]) -> list[str]:
    rows = [
        f"| {_title(model)} | " + " | ".join(_number(answer[g]["rmse"]) for g in groups) + " |"
        for model, answer in answers.items()
    ]
    return [f"| model | {' | '.join(groups)} |", f"|---|{'--:|' * len(groups)}", *rows]


def _structure(answers: Answers) -> list[str]:
    names = [f"{low}–{high}" for low, high in BANDS]
    rows = []
    for model, answer in answers.items():
        power, error = answer["power_over_target"], answer["error_power_over_target"]
        cells = (f"{power[n]:.2f} ({error[n]:.2f})" for n in names)
        rows.append(f"| {_title(model)} | {' | '.join(cells)} |")
    return [
        "Radial spectra: power of the map over that of the target by wavelength in fine cells, and "
        "in brackets power of the error over that of the target (1: nothing is known; a map with "
        "power 1 and error 0 is right). The coarse map itself holds nothing below 16.",
        "",
        f"| model | {' | '.join(names)} |",
        f"|---|{'--:|' * len(names)}",
        *rows,
    ]


def _coverage(answer: Mapping[str, Any], sized: str, groups: Sequence[str]) -> list[str]:
    """What the intervals hold, by season and region."""
    shares: Mapping[str, Mapping[str, float]] = answer["coverage"]
    groups = [group for group in groups if group in shares]
    rows = [
        f"| {name} | " + " | ".join(f"{shares[g][name]:.1%}" for g in ("year", *groups)) + " |"
        for name in shares["year"]
    ]
    return [
        f"Intervals of AirSTFM, sized only on {sized}, with a factor for each season: share of the "
        "errors here that they hold.",
        "",
        f"| interval | whole | {' | '.join(groups)} |",
        f"|---|{'--:|' * (len(groups) + 1)}",
        *rows,
    ]


def _unknown(answers: Answers) -> list[str]:
    """What is left where the place's past is not known."""
    share = 1 - _rmse(answers, "airstfm") / _rmse(answers, "bicubic")
    held = answers["airstfm"]["coverage"]["year"]
    return [
        "### Where the past is not known",
        "",
        "On the same months, with no more than three years of the place's record, which is too "
        "short for the regression: AirSTFM starts from the bicubic map with exact block means, "
        f"and has {share:.1%} less than bicubic. Intervals: "
        + ", ".join(f"the {name} one holds {part:.1%}" for name, part in held.items())
        + ".",
        "",
        *_main_table(answers),
    ]


def _obstacles(found: Mapping[str, Answers]) -> list[str]:
    months, later = found["months"]["local-regression"], found["later"]["local-regression"]
    own = months["rmse_without_each_cells_own_mean_error"]
    network = _rmse(found["months"], "airstfm") / months["year"]["rmse"] - 1
    paper = found["months"]["airstfm"]["year"]["paper_rmse"]
    return [
        "### What stands in the way of 1.8",
        "",
        "The aim was 1.8 where bicubic × monthly ratio has 2.10. On the years and with the pooling "
        f"used here that one has {_rmse(found['months'], 'bicubic-ratio'):.3f}; counted as the "
        f"paper does, AirSTFM has {paper:.3f}. What is left over was looked at:",
        "",
        "* *The years between.* Learned up to 2016 instead of 2014, the regression alone has "
        f"**{later['year']['rmse']:.3f}** on the same months instead of "
        f"{months['year']['rmse']:.3f}. Detail changed after 2014, and training on 1998–2014, as "
        "asked, cannot know it. A trend carried on from before 2015 does not foresee the change "
        "(docs/decisions/0030). A user whose record goes on has these years.",
        "* *It is not a fixed pattern.* With each cell's own mean error of these 24 months taken "
        f"out, which nobody could know before, {months['year']['rmse']:.3f} would still be "
        f"{own:.3f}.",
        f"* *The network adds no detail of its own.* {_changed(network)} 204 months are few, and "
        "what is left of a month's detail seems not to be in five coarse maps. Neighbouring months "
        "as further predictors, slopes by season, and principal components of the whole map did "
        "not help the regression either, nor does the ground (below).",
        "* *The detail is modelled.* WUSTL's fine structure is satellite depth fused with "
        "monitors, which were few before 2013; part of a month's detail is that fusion's.",
    ]


def _changed(share: float) -> str:
    """How much the network changes the regression's RMSE."""
    if abs(share) > 5e-5:
        return f"It changes the regression's RMSE by {share:+.2%}:"
    return "No step of its training came below the regression, whose map is used as it is:"


def _number(value: float | int | None) -> str:
    # Adding 0 turns a rounded -0.000 into 0.000.
    return "–" if value is None else f"{round(float(value), 3) + 0:.3f}"


def main(source: Path = WUSTL, results: Path = RESULTS) -> None:
    """Measure, and write the page and its numbers."""
    found = measure(source, lambda share, doing: _tell(f"{share:4.0%} {doing}"))
    results.mkdir(parents=True, exist_ok=True)
    numbers = json.dumps({"scores": found}, indent=1, ensure_ascii=False, allow_nan=False)
    (results / "airstfm.json").write_text(numbers + "\n", encoding="utf-8")
    again(results)
    _tell("done\n")


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
    text = page(found, short, paper, static_guidance.section(short))
    (results / "airstfm.md").write_text(text, encoding="utf-8")


def _tell(text: str) -> None:
    sys.stderr.write(f"\r{text:70s}" if sys.stderr.isatty() else "")
    sys.stderr.flush()


if __name__ == "__main__":
    try:
        if sys.argv[1:] == ["kept"]:
            again()
        else:
            main(*(Path(given) for given in sys.argv[1:2]))
    except EngineError as problem:
        sys.stderr.write(f"airlens: {problem}\n")
        sys.exit(2)
