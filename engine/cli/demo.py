"""`airlens demo build`: another stretch of the demo world, from any seed, into the library."""

from typing import Annotated

import typer

from engine import library
from engine.cli.shared_options import bar, day, say
from engine.core.errors import RequestError

MOST_DAYS = 3660

demo_app = typer.Typer(
    help="The demo world: a simulated Yangtze River Delta.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@demo_app.callback()
def _demo() -> None:
    """A simulated Yangtze River Delta with known truth: maps, stations, buses and cars."""


@demo_app.command("build")
def build_command(
    days: Annotated[int, typer.Option(help="How many days.")] = 30,
    seed: Annotated[int, typer.Option(help="Seed of the weather; the shipped demo has 1.")] = 2,
    start: Annotated[str, typer.Option(help="First local date.")] = "2015-01-01",
    name: Annotated[
        str | None, typer.Option(help="Name of the dataset; by default world-SEED.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace datasets of that name.")
    ] = False,
) -> None:
    """Simulate days of the demo world and keep them as NAME, NAME-stations and NAME-mobile."""
    from engine.twin.datasets import Window, World

    if not 1 <= days <= MOST_DAYS:
        raise RequestError(
            "--days {days} is not between 1 and {most_days}", days=days, most_days=MOST_DAYS
        )
    if seed < 0:
        raise RequestError("--seed {seed} is negative", remedy="Choose 0 or more", seed=seed)
    called = name or f"world-{seed}"
    names = [called, f"{called}-stations", f"{called}-mobile"]
    for each in names:
        library.check_name(each, replace=replace)
    world = World([Window(day(start, "--start"), days)], seed)
    with bar(f"Simulating {called}") as report_progress:
        library.store_stack(
            world.maps(),
            names[0],
            replace=replace,
            progress=lambda done, total: report_progress(done / total, f"Day {done} of {total}"),
        )
    library.store(world.stations(), names[1], replace=replace)
    library.store(world.mobile(), names[2], replace=replace)
    for each in names:
        about = library.info(each)
        size = ", ".join(f"{value} {key}" for key, value in about.shape.items())
        say(f"{each}: {size}; {about.start} to {about.end}; simulated")
