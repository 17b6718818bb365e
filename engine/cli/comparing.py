"""`airlens compare`."""

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from engine.cli.shared_options import (
    DataOption,
    TrainEndOption,
    bar,
    day,
    plain,
    say,
    warn_of_predictions,
)
from engine.cli.training import STOPPED, Stopper
from engine.core.errors import RequestError
from engine.core.progress import Cancelled, part

if TYPE_CHECKING:
    from engine.comparison.plan import Plan

# What a budget may end in.
STEPS, MINUTES = ("steps", "step"), ("minutes", "minute", "mins", "min")


def compare_command(
    data: DataOption,
    budget: Annotated[
        str, typer.Option(help="Of each training: 300steps, or 5minutes without its checks.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for record, weights, page and pictures; else comparison-DATA."),
    ] = None,
    models: Annotated[str, typer.Option(help="all, or names separated by commas.")] = "all",
    fractions: Annotated[
        str, typer.Option(help="Shares of the training part, in %.")
    ] = "100,80,40",
    seeds: Annotated[str, typer.Option(help="Seeds, separated by commas.")] = "0",
    preset: Annotated[Literal["small", "paper"], typer.Option(help="Size of networks.")] = "small",
    train_end: TrainEndOption = None,
    validate_end: Annotated[
        str | None, typer.Option(help="Last local date to stop by; half of the rest.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Crops in a step.")] = 8,
    crop: Annotated[int, typer.Option(min=1, help="Side of a crop in coarse cells.")] = 8,
    checks: Annotated[int, typer.Option(min=1, help="Validations in a training.")] = 4,
    look: Annotated[
        int, typer.Option(min=0, help="Stop by so many coarse cells a side; 0: the whole map.")
    ] = 16,
    every: Annotated[
        int | None,
        typer.Option(min=1, help="Score one of so many test dates; else so that 24 are scored."),
    ] = None,
    use: Annotated[
        bool, typer.Option("--use", help="Offer the trained networks in the dashboard for DATA.")
    ] = False,
) -> None:
    """Train and score all super-resolution systems under one budget; a page with a table.

    Stopped, it goes on when started again, and models, shares and seeds can be added.
    """
    steps, minutes = parse_budget(budget)
    shares, numbers = _numbers(fractions, "--fractions"), _numbers(seeds, "--seeds")
    warn_of_predictions(data)
    stop = Stopper()
    signal.signal(signal.SIGINT, stop.interrupted)
    with bar("comparing") as progress:
        from engine.comparison import weights
        from engine.comparison.page import publish, summary
        from engine.comparison.plan import ALL, Plan, check
        from engine.comparison.runs import compare

        plan = Plan(
            data,
            ALL if models == "all" else tuple(m.strip() for m in models.split(",") if m.strip()),
            steps=steps,
            minutes=minutes,
            fractions=tuple(share / 100 for share in shares),
            seeds=tuple(int(number) for number in numbers),
            preset=preset,
            train_end=day(train_end, "--train-end") if train_end else None,
            validate_end=day(validate_end, "--validate-end") if validate_end else None,
            batch=batch,
            crop=crop,
            checks=checks,
            look=look,
            every=every,
        )
        goal = out or Path(f"comparison-{data}")
        check(plan)
        say(_what_it_takes(plan, goal), err=True)
        try:
            record = compare(plan, goal, progress=part(progress, 0.0, 0.97), cancelled=stop)
            page = publish(record, goal, progress=part(progress, 0.97, 1.0), cancelled=stop)
            offered = weights.use(goal) if use else []
        except Cancelled:
            say("What is done is kept; the same command goes on from there.", err=True)
            raise typer.Exit(STOPPED) from None
    table = Table(
        title=plain(f"{data}, the largest share of the training part"), title_justify="left"
    )
    for i, head in enumerate(("system", "rmse", "rmse, exact block means", "training s")):
        table.add_column(head, justify="right" if i else "left")
    for row in summary(record):
        table.add_row(*map(plain, row))
    Console().print(table)
    say(f"rmse in µg/m³, best first. More, with maps and charts: {page}")
    for path in offered:
        say(f"In the dashboard now: {path}")


def _what_it_takes(plan: "Plan", folder: Path) -> str:
    """What is about to be done, for whoever decides to wait."""
    trainings = plan.trainings
    each = f"{plan.steps} steps" if plan.steps else f"{plan.minutes:g} minutes"
    whole = f", {trainings * plan.minutes:.0f} minutes and the scoring" if plan.minutes else ""
    return (
        f"{len(plan.models)} systems, {trainings} trainings of {each}{whole}; into {folder}. "
        "Ctrl-C stops; the same command goes on."
    )


def parse_budget(text: str) -> tuple[int | None, float | None]:
    """Steps, or minutes.

    Raises:
        RequestError: If it is neither.
    """
    ending = next((e for e in (*STEPS, *MINUTES) if text.strip().endswith(e)), None)
    try:
        value = float(text.strip().removesuffix(ending or ""))
    except ValueError:
        value = 0.0
    if ending in STEPS and value >= 1 and value == int(value):
        return int(value), None
    if ending in MINUTES and 0 < value < float("inf"):
        return None, value
    raise RequestError(
        "{text!r} is no budget", where="--budget", remedy="Write 300steps or 5minutes", text=text
    )


def _numbers(text: str, option: str) -> list[float]:
    try:
        return [float(piece) for piece in text.split(",") if piece.strip()]
    except ValueError:
        raise RequestError(
            "{text!r} is no list of numbers",
            where=option,
            remedy="Separate them by commas",
            text=text,
        ) from None
