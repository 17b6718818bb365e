"""`airlens compare`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from engine.cli.asking import DataOption, TrainEndOption, bar, day
from engine.errors import RequestError


def compare_command(
    data: DataOption,
    out: Annotated[Path, typer.Option(help="Folder for record, weights, page and pictures.")],
    budget: Annotated[str, typer.Option(help="Of each training: 300steps or 10min.")],
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
    ] = 0,
    every: Annotated[int, typer.Option(min=1, help="Score one of so many test dates.")] = 1,
) -> None:
    """Train and score all super-resolution systems under one budget; a page with a table.

    Stopped, it goes on when started again, and models, shares and seeds can be added.
    """
    steps, minutes = parse_budget(budget)
    shares, numbers = _numbers(fractions, "--fractions"), _numbers(seeds, "--seeds")
    with bar("comparing") as progress:
        from engine.comparison.page import publish
        from engine.comparison.runs import ALL, Plan, compare

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
        record = compare(plan, out, progress=progress)
        page = publish(record, out)
    typer.echo(str(page))


def parse_budget(text: str) -> tuple[int | None, float | None]:
    """Steps, or minutes.

    Raises:
        RequestError: If it is neither.
    """
    for ending in ("steps", "min"):
        number = text.removesuffix(ending).strip()
        if not text.endswith(ending):
            continue
        try:
            value = float(number)
        except ValueError:
            break
        if ending == "steps" and value >= 1 and value == int(value):
            return int(value), None
        if ending == "min" and 0 < value < float("inf"):
            return None, value
    raise RequestError(f"{text!r} is no budget", where="--budget", remedy="Write 300steps or 10min")


def _numbers(text: str, option: str) -> list[float]:
    try:
        return [float(piece) for piece in text.split(",") if piece.strip()]
    except ValueError:
        raise RequestError(
            f"{text!r} is no list of numbers", where=option, remedy="Separate them by commas"
        ) from None
