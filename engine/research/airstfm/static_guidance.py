"""How much of a classical map's residual static fields explain.

`python -m engine.research.airstfm.static_guidance`: a first look without a network. What a
classical map with exact block means leaves over, counted in the coarse value, is regressed on
static fields (`engine.superresolution.static`), each less its block's mean, so that block
means stay exact. Slopes come from the training part, scores from the validation part: one set of
slopes for the whole map, one for each neighbourhood of blocks, and one from every other square of
the map, scored on the rest.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from engine.core import results_page
from engine.core.files import write_atomic
from engine.core.paths import ROOT
from engine.research.airstfm.ablation import WUSTL, wustl
from engine.research.airstfm.demo_weights import demo_examples
from engine.superresolution.batches import Series
from engine.superresolution.examples import Examples
from engine.superresolution.networks.layers import SCALE
from engine.superresolution.networks.masking import masked_block_mean

RESULTS = ROOT / "docs" / "results" / "airstfm-ground.json"
AROUND = 3  # blocks along a neighbourhood's side
SQUARE = 6  # blocks along the side of a square that is left out
RIDGE = 0.1  # of each neighbourhood, in units of what its planes say on average


class Sums(NamedTuple):
    """Over the frames, for each cell (H, W): what is left over squared, times the value, value²."""

    left: Tensor
    both: Tensor
    value: Tensor


def ask(known: Examples) -> dict[str, dict[str, float]]:
    """RMSE over the validation part in ug m-3, with climatology and without.

    Returns:
        For each `before`, `whole`, `neighbourhoods` and `elsewhere`.
    """
    parts = {
        "known": (known.training[:1], known.validation),
        "unknown": (known.training_without_climatology, known.validation_without_climatology),
    }
    return {name: _compare(known, *pair) for name, pair in parts.items()}


def _compare(
    known: Examples, training: Sequence[Series], validation: Sequence[Series]
) -> dict[str, float]:
    mask = training[0].fine_mask[0]
    planes = _within(training[0], len(known.static_fields), mask)
    first, later = _sums(known, training), _sums(known, validation)
    squares = _squares(mask)
    mixed = torch.where(
        squares, _whole(planes, first, mask & ~squares), _whole(planes, first, mask & squares)
    )
    return {
        "before": _rmse(later, torch.zeros_like(first.left), mask, known),
        "whole": _rmse(later, _whole(planes, first, mask), mask, known),
        "neighbourhoods": _rmse(later, _local(planes, first), mask, known),
        "elsewhere": _rmse(later, mixed, mask, known),
    }


def _within(series: Series, count: int, mask: Tensor) -> Tensor:
    """Static fields and their products (k, H, W), less their block's mean."""
    if series.guide is None:
        raise ValueError("these examples have no static fields")
    own = series.guide[0, -count:].float()
    pairs = [own[i] * own[j] for i in range(count) for j in range(i)]
    planes = torch.stack([*own, *pairs])
    means = masked_block_mean(planes, mask.expand(len(planes), -1, -1), SCALE)
    return torch.where(mask, planes - _repeat(means), 0).double()


def _sums(known: Examples, parts: Sequence[Series]) -> Sums:
    total = [torch.zeros(parts[0].fine.shape[1:], dtype=torch.float64) for _ in Sums._fields]
    for series in parts:
        if series.base is None:
            raise ValueError("these examples have no base map")
        for fine, base, coarse in zip(series.fine, series.base, series.coarse, strict=True):
            left = ((fine - base) * known.std).double()
            value = _repeat((coarse * known.std + known.mean).clamp(min=0)).double()
            for at, added in zip(total, (left**2, left * value, value**2), strict=True):
                at += torch.where(series.fine_mask[0], added, 0)
    return Sums(*total)


def _whole(planes: Tensor, sums: Sums, where: Tensor) -> Tensor:
    """What one set of slopes, from the cells `where`, says for the whole map, per ug m-3."""
    x = planes[:, where]
    normal, right = (x * sums.value[where]) @ x.T, x @ sums.both[where]
    return torch.einsum("k,khw->hw", torch.linalg.solve(normal, right), planes)


def _local(planes: Tensor, sums: Sums) -> Tensor:
    """The same with slopes for each block, from the blocks around."""
    normal = torch.stack([_pool(p * planes * sums.value) for p in planes], -2)  # (h, w, k, k)
    right = _pool(planes * sums.both)
    size = normal.diagonal(dim1=-2, dim2=-1).mean((0, 1))
    slopes = torch.linalg.solve(normal + RIDGE * torch.diag(size), right[..., None])[..., 0]
    return (_repeat(slopes.permute(2, 0, 1)) * planes).sum(0)


def _pool(values: Tensor) -> Tensor:
    """Sums of planes (k, H, W) over the cells of each block and of those around, (h, w, k)."""
    blocks = functional.avg_pool2d(values, SCALE, divisor_override=1)
    around = functional.avg_pool2d(blocks, AROUND, 1, AROUND // 2, divisor_override=1)
    return around.permute(1, 2, 0)


def _rmse(sums: Sums, said: Tensor, mask: Tensor, known: Examples) -> float:
    """Of what is left over after `said` times the value is taken away."""
    squares = sums.left - 2 * said * sums.both + said**2 * sums.value
    frames = sum(len(s) for s in known.validation)
    return float((squares[mask].sum() / (frames * mask.sum())).sqrt())


def _squares(mask: Tensor) -> Tensor:
    """Every other square of the map."""
    rows, columns = (torch.arange(n) // (SCALE * SQUARE) for n in mask.shape)
    return (rows[:, None] + columns) % 2 == 1


def _repeat(values: Tensor) -> Tensor:
    return values.repeat_interleave(SCALE, -2).repeat_interleave(SCALE, -1)


def section(
    short: Mapping[str, Any],
    found: Mapping[str, Mapping[str, Mapping[str, float]]],
    parts: Mapping[str, str],
) -> str:
    """The part of the page on static fields; nothing if they were not looked at.

    Args:
        short: What `engine.research.airstfm.ablation` keeps.
        found: What `main` keeps.
        parts: Of the page's template.
    """
    if not found:
        return ""
    titles = {"wustl": "WUSTL 2015–2016", "demo": "demo world (SYNTHETIC), other weather"}
    kinds = {"known": "the climatology of the place", "unknown": "the coarse map alone"}
    columns = ("before", "whole", "neighbourhoods", "elsewhere")
    heads = (
        "data", "what the map is made of", "RMSE", "one set of slopes",
        "slopes of each neighbourhood", "one set, from other places",
    )  # fmt: skip
    rows = [
        (titles[data], words, *(f"{answers[kind][column]:.4f}" for column in columns))
        for data, answers in found.items()
        for kind, words in kinds.items()
    ]
    tables = {"rows": results_page.table(heads, rows, "--:", left=2), "short": _short(short, parts)}
    return results_page.fill(parts["static_fields"], {}, tables)


def _short(short: Mapping[str, Any], parts: Mapping[str, str]) -> str:
    """What static fields change in the short trainings; nothing where these are missing."""
    rows = short.get("rows", {})
    names = {
        "plain": "ours",
        "guided": "ours + coast and cities",
        "without_climatology": "past unknown",
        "without_climatology_guided": "past unknown + coast and cities",
    }
    start = short.get("about", {}).get("base_rmse", {})
    if "bicubic, exact" not in start or not all(name in rows for name in names.values()):
        return ""
    record = {key: rows[name]["rmse"] for key, name in names.items()}
    return results_page.fill(
        parts["static_fields_short"], record | {"bicubic": start["bicubic, exact"]}, {}
    )


def main(source: Path = WUSTL, results: Path = RESULTS) -> dict[str, Any]:
    """Look at both datasets, one after the other, and write the numbers."""
    looks: dict[str, Callable[[], Examples]] = {
        "wustl": lambda: wustl(source),
        "demo": demo_examples,
    }
    found = {name: ask(learn()) for name, learn in looks.items()}
    write_atomic(results, json.dumps(found, indent=1) + "\n")
    return found


if __name__ == "__main__":
    for data, answers in main(*(Path(given) for given in sys.argv[1:2])).items():
        for kind, row in answers.items():
            predicted = ", ".join(f"{name} {value:.4f}" for name, value in row.items())
            sys.stdout.write(f"{data}, past {kind}: {predicted}\n")
