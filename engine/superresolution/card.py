"""A model card: what a person should know before believing a set of weights."""

import math
import platform
from dataclasses import dataclass

import torch
from torch import nn

from engine.superresolution.examples import Source
from engine.superresolution.networks.networks import NETWORKS
from engine.superresolution.recipe_airstfm import SEASONS
from engine.superresolution.training_config import TrainingConfig
from engine.superresolution.weights import Checkpoint
from engine.training.state import Counters

BASES = {
    "regression": "the regression on the climatology of the dataset at hand (`local-regression`)",
    "bilinear": "its own bilinear map",
}
BEWARE = """\
The coarse maps were made from the fine ones (block means): synthetic degradation. The scores say
how well detail is restored, not how true the map is.

**Where not to believe it.** Other averaging times than the one above. Regions and years whose
sources differ from those it learned from. Coasts, where a block holds few cells.{intervals}

Source: {source}. Departures are listed in `{module}`.
"""
INTERVALS = """ The intervals are
right on average over what sized them; they are no promise for a cell."""


@dataclass(frozen=True)
class History:
    """How a training run went.

    Attributes:
        counters: Steps and scores.
        config: How it was run.
        corners: Block corners it looked from.
        coverage: Share of the errors that sized the intervals in those of 50 and 90 %.
        seconds: How long it took.
        device: Where.
        before: Validation scores before training, of what the network adds to: with the past
            known and with it unknown.
        after: The same of the network.
    """

    counters: Counters
    config: TrainingConfig
    corners: int
    coverage: tuple[float, float]
    seconds: float
    device: str
    before: tuple[float, float] | None = None
    after: tuple[float, float] | None = None


def card(about: Checkpoint, data: Source, network: nn.Module, history: History) -> str:
    """The card in Markdown."""
    config, counters = history.config, history.counters
    parameters = sum(p.numel() for p in network.parameters())
    where = (
        torch.cuda.get_device_name()
        if history.device == "cuda"
        else f"{torch.get_num_threads()} CPU thread(s), {platform.machine()}"
    )
    inner, outer = history.coverage
    rows = {
        "trained on": about.trained_on,
        "licence of the data": about.licence,
        "averaging time": about.period,
        "learned from": f"{about.train_start} to {about.train_end}",
        "stopped by": data.judged
        or f"later dates to {about.validate_end}; nothing after that was looked at",
        "grid": data.place,
        "network": f"{parameters:,} parameters; normalised by mean {about.mean:.2f} and "
        f"standard deviation {about.std:.2f} µg/m³",
        **_guided(about),
        "training": f"step {counters.best_step} of at most {config.steps} kept, batch "
        f"{config.batch}, crops of {config.crop} coarse cells, {history.corners} "
        f"{data.looks or 'block corners'}, seed {about.seed}",
        "took": f"{history.seconds / 60:.0f} minutes on {where}, PyTorch {torch.__version__}",
        "validation RMSE": f"{counters.best * about.std:.3f} µg/m³ over what it was stopped by",
    }
    rows |= _used(about, history)
    sure = not math.isnan(inner)
    if sure:
        rows["intervals"] = intervals(about, inner, outer)
    kind = NETWORKS[about.model]
    exact = about.model == "urbanfm" or bool(about.network.get("conserve"))
    beware = BEWARE.format(
        intervals=INTERVALS if sure else "", source=kind.source, module=_module(network)
    )
    lines = [
        f"# {kind.title} weights: {data.name}",
        "",
        *(["**Synthetic data**: these weights know a simulated world.", ""] * data.synthetic),
        f"Super-resolution ×8 of PM2.5 maps{' with uncertainty' if sure else ''}. "
        f"{f'Adds to {data.base}' if data.base else _start(about)}; block means are "
        f"{'exact' if exact else 'not exact'}.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in rows.items()),
        "",
        beware,
    ]
    return "\n".join(lines)


def _used(about: Checkpoint, history: History) -> dict[str, str]:
    """Rows on what training brought, and on what is used of it."""
    if history.before is None or history.after is None:
        return {}
    first, later = (
        [f"{value * about.std:.3f}" for value in z] for z in (history.before, history.after)
    )
    rows = {
        "validation RMSE": f"{later[0]} µg/m³ over what it was stopped by; {first[0]} before "
        "training, of the map it adds to"
    }
    if about.base == "regression":
        rows["without climatology"] = (
            f"{later[1]} µg/m³; {first[1]} of the bicubic map with exact block means "
            "that it adds to"
        )
    kept = {
        "known": about.correct,
        "not known": about.correct_without_climatology or about.base != "regression",
    }
    as_it_is = [name for name, correct in kept.items() if not correct]
    if as_it_is:
        rows["what is used"] = (
            f"where the climatology is {' and where it is '.join(as_it_is)}, the map it adds to, "
            "as it is, since the network is not better; of the network, the uncertainty"
        )
    return rows


def _guided(about: Checkpoint) -> dict[str, str]:
    """The row on guidance; none for a network without."""
    climatology = [name for name in about.planes if name not in about.static_fields]
    parts = [f"the climatology of the place ({', '.join(climatology)})"] if climatology else []
    if about.static_fields:
        parts.append(f"static fields ({', '.join(about.static_fields)})")
    if about.planes and "elevation" not in about.static_fields:
        parts.append("no elevation, of which no file was at hand")
    return {"guided by": "; ".join(parts)} if parts else {}


def intervals(about: Checkpoint, inner: float, outer: float) -> str:
    """What the card says of the intervals."""
    scales = [f"{factor:.2f}" for factor in about.season_factors]
    parts = f"scale × {about.error_factor:.2f}"
    if len(set(scales)) > 1:
        parts = "scale × " + ", ".join(f"{f} in {s}" for f, s in zip(scales, SEASONS, strict=True))
    return (
        f"{parts}; the 50 % interval holds {inner:.0%} and the 90 % interval {outer:.0%} of the "
        "errors that sized them"
    )


def _start(about: Checkpoint) -> str:
    """What the network changes."""
    if about.model == "urbanfm" and about.base == "bilinear":
        return "Shares every coarse cell's value out among its fine cells"
    return f"Adds to {BASES[about.base]}"


def _module(network: nn.Module) -> str:
    """The file that a network is defined in."""
    return type(network).__module__.replace(".", "/") + ".py"
