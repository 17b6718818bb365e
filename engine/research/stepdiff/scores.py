"""Every way to forecast a city, on the same windows in the same units, scored and kept.

What is scored is kept in one JSON file after each method, so that a run that was stopped goes on
where it was. STeP-Diff's physics is our reconstruction of what the paper's abstract states.
"""

import datetime as dt
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn

from engine import library
from engine.core.paths import home
from engine.forecast import weights as stepcheckpoint
from engine.forecast.calibration import drawn_fields, settled
from engine.forecast.conditions import at_stations
from engine.forecast.examples import Examples, make_examples
from engine.forecast.networks.advection import Transport, residual
from engine.forecast.networks.diffusion import Sampler
from engine.forecast.networks.mobile_windows import windows
from engine.forecast.networks.stepdiff import StepDiff, StepDiffConfig, Window
from engine.forecast.recipe_stepdiff import DEFAULT_SAMPLER
from engine.forecast.record import gridded, parts_of, record_of
from engine.forecast.train import SMALL
from engine.forecast.train_steps import StepTraining, future_hidden
from engine.library.weights_table import STEPDIFF, STEPDIFF_SIMULATED
from engine.research.stepdiff import baselines as citybaselines
from engine.research.stepdiff.baselines import City
from engine.research.stepdiff.recurrent import Recurrent
from engine.research.stepdiff.single_training import train_single
from engine.twin import demo_cells
from engine.verify.bootstrap import interval
from engine.verify.ensembles import published_scores, score
from engine.verify.metrics import of_errors

MEMBERS = 20
TOLERANCE = 1e-4  # degrees
PHYSICS_MEMBERS, PHYSICS_WINDOWS = 4, 4  # that the residual is taken of


@dataclass(frozen=True)
class Place:
    """A dataset and how it is split.

    Attributes:
        name: In the library.
        title: For people.
        train_end: Last local date to learn from; None: two thirds.
        validate_end: Last local date that decides anything.
        every: Hours between the starts of test windows.
        stations: Dataset of fixed stations that are not predicted; empty: none.
        weights: Folder of the trained weights.
    """

    name: str
    title: str
    train_end: dt.date | None
    validate_end: dt.date | None
    every: int
    stations: str
    weights: Path


def places(assets: Path) -> dict[str, Place]:
    """What is scored. The real ones must be imported first; Changshu's weights never ship."""
    return {
        # Eleven hours apart, starts go through all hours of the day.
        "kolkata": Place(
            "kolkata",
            "Kolkata, winter 2023-24 (buses, real)",
            dt.date(2024, 1, 12),
            dt.date(2024, 1, 18),
            11,
            "kolkata-static",
            assets / "weights" / f"stepdiff-{STEPDIFF}",
        ),
        "changshu": Place(
            "changshu",
            "Changshu, 14 days (the authors' grids, real)",
            dt.date(2023, 1, 9),
            dt.date(2023, 1, 12),
            12,
            "",
            home() / "weights" / "stepdiff-changshu",
        ),
        "twin": Place(
            "demo-mobile",
            "Nanjing of the demo world (simulated, truth known everywhere)",
            None,
            None,
            6,
            "",
            assets / "weights" / f"stepdiff-{STEPDIFF_SIMULATED}",
        ),
    }


@dataclass(frozen=True)
class Bench:
    """A place made ready: what is forecast, and what came true.

    Attributes:
        place: Which.
        series: Hourly cells.
        city: As baselines want it.
        data: As networks learn from it.
        begins: First lead hour of each test window.
        target: Mobile readings (window, lead, cell), NaN where none.
        fixed: Readings of fixed stations, likewise; None: there are none.
        truth: The whole truth, likewise; None: nobody knows it.
        visited: Cells that any vehicle ever measured, (cell).
        transport: Wind, diffusivity and sources that fields are held against: those of the place's
            trained weights; None: it has none.
    """

    place: Place
    series: xr.Dataset
    city: City
    data: Examples
    begins: tuple[int, ...]
    target: Tensor
    fixed: Tensor | None
    truth: Tensor | None
    visited: Tensor
    transport: Transport | None = None


def bench(place: Place) -> Bench:
    """Load a place and cut its windows.

    Raises:
        EngineError: If its dataset is not in the library.
    """
    series = gridded(library.open_dataset(place.name).load(), None, name=place.name)
    about = library.info(place.name)
    parts = parts_of(series, about, place.train_end, place.validate_end)
    record = record_of(series)
    lead = SMALL.lead_times
    first = -(-parts.test[0] // place.every) * place.every
    if place.every == lead:
        first = parts.validate[1]  # as published: the split's own gap is in the training end
    begins = tuple(range(first, parts.test[1] - lead + 1, place.every))

    def cut(values: Tensor) -> Tensor:
        return torch.stack([values[b : b + lead].flatten(1) for b in begins])

    fixed = truth = None
    if place.stations and place.stations in library.names():
        fixed = cut(at_stations(series, library.open_dataset(place.stations).load()))
    if place.name == "demo-mobile":
        truth = cut(truth_on(series))
    shape = replace(SMALL, rows=record.grid[0], columns=record.grid[1])
    return Bench(
        place,
        series,
        # What learns nothing may know the validation part too: that makes it no weaker.
        City.of(record, parts.validate[1], lead),
        make_examples(record, parts, shape),
        begins,
        cut(record.values),
        fixed,
        truth,
        record.flat.isfinite().any(0),
        transport_of(place, record.grid),
    )


def transport_of(place: Place, grid: tuple[int, int]) -> Transport | None:
    """Wind, diffusivity and sources of the place's trained weights; None: they are not there."""
    if not (place.weights / "config.json").is_file() or min(grid) < 3:
        return None
    _, network = stepcheckpoint.load(place.weights)
    return network.transport


def truth_on(series: xr.Dataset) -> Tensor:
    """The demo's truth as means over the cells of the series, which lie half a cell aside."""
    truth = demo_cells()["pm2p5"]
    half = 0.5 * float(truth["latitude"][0] - truth["latitude"][1])
    corners = []
    for up in (-half, half):
        for right in (-half, half):
            moved = truth.assign_coords(
                latitude=truth["latitude"] + up, longitude=truth["longitude"] + right
            )
            on = {axis: series[axis] for axis in ("valid_time", "latitude", "longitude")}
            corners.append(moved.reindex(on, method="nearest", tolerance=TOLERANCE).values)
    stack = np.stack(corners)
    known = np.isfinite(stack)
    total = np.where(known, stack, 0).sum(0) / np.maximum(known.sum(0), 1)
    return torch.tensor(np.where(known.any(0), total, np.nan))


def evaluate(found: Bench, predicted: Tensor) -> dict[str, Any]:
    """Scores of forecasts (member, window, lead, cell), NaN in cells without a prediction.

    By mobile readings, by lead hour, by fixed stations and by the truth where there is one.
    """
    predicted, known = predicted.double(), found.target.isfinite()
    result: dict[str, Any] = asdict(score(predicted[:, known], found.target[known]))
    error = (predicted.mean(0) - found.target).abs()
    sums = torch.stack([torch.where(known, error, 0).sum((1, 2)), known.sum((1, 2)).double()], 1)
    sure = interval(sums.numpy(), lambda t: t[..., 0] / t[..., 1])
    result |= {"mae_low": sure.low, "mae_high": sure.high}
    leads = range(known.shape[1])
    result["mae_by_lead"] = [
        float(error[:, i][known[:, i]].mean()) if known[:, i].any() else None for i in leads
    ]
    if len(predicted) > 1:
        cut = [(predicted[:, :, i][:, known[:, i]], found.target[:, i][known[:, i]]) for i in leads]
        of = [score(m, t) if t.numel() else None for m, t in cut]
        for name in ("crps", "coverage_50", "coverage_90"):
            result[f"{name}_by_lead"] = [None if s is None else getattr(s, name) for s in of]
    if found.transport is not None and bool(predicted.isfinite().all()):
        result["physics"] = held_against(found, predicted, found.transport)
    other = {"fixed": found.fixed, "truth": found.truth}
    for name, values in other.items():
        if values is None:
            continue
        there = values.isfinite() & predicted[0].isfinite()
        result[name] = asdict(score(predicted[:, there], values[there]))
        if name == "truth":
            never = there & ~found.visited
            result["never_visited_cells"] = int((~found.visited).sum())
            if never.any():
                result["never_visited"] = asdict(score(predicted[:, never], values[never]))
    return result


def held_against(found: Bench, predicted: Tensor, transport: Transport) -> float:
    """Mean absolute residual of the physics, ug m-3 an hour, of whole fields of test windows.

    Args:
        found: The windows.
        predicted: (member, window, lead, cell), finite.
        transport: Wind, diffusivity and sources.
    """
    last = found.target.shape[1] - 1
    hour = torch.stack([found.data.record.hour[b : b + last] for b in found.begins])
    fields = predicted[:PHYSICS_MEMBERS].clamp(min=0).float()
    whole = fields.reshape(*fields.shape[:3], *found.data.record.grid)
    with torch.no_grad():
        flow = transport(hour.float())
        return sum(float(residual(member, flow).abs().mean()) for member in whole) / len(whole)


def baseline(found: Bench, name: str) -> dict[str, Any]:
    """Scores of one of `engine.research.stepdiff.baselines`."""
    method = (citybaselines.SIMPLE | citybaselines.FITTED)[name]
    city = found.city
    if name in citybaselines.FITTED:  # what is fitted knows no more than the networks
        city = replace(city, end=found.data.parts.learn)
    return evaluate(found, torch.tensor(method(city, found.begins))[None])


def test_windows(found: Bench, shape: StepDiffConfig) -> Window:
    """The test windows in the networks' unit, with what came true left in."""
    data = found.data
    return windows(data.record, found.begins, shape, data.guess, data.scale)


def probable(
    found: Bench,
    network: StepDiff,
    spread: tuple[float, ...],
    mean_weight: float = 1.0,
    sampler: Sampler = DEFAULT_SAMPLER,
    transport: Transport | None = None,
) -> dict[str, Any]:
    """Scores of a diffusion network, and how far its fields are from the physics.

    Physics is held against the network's own wind, diffusivity and sources unless others are given.
    """
    window, grid = test_windows(found, network.config), found.data.record.grid
    cells = torch.arange(len(found.visited))
    if found.truth is None:  # what nobody measured need not be drawn to be scored
        also = found.visited
        also = also if found.fixed is None else also | found.fixed.isfinite().any(0).any(0)
        cells = cells[also]
    started = time.process_time()
    members = drawn_fields(network, window, grid, MEMBERS, sampler=sampler, only=cells)
    seconds = time.process_time() - started
    base = window.guess[:, cells, network.config.history :]
    predicted = torch.full((MEMBERS, *found.target.shape), torch.nan)
    predicted[..., cells] = (
        settled(members, base, mean_weight, torch.tensor(spread)).clamp(min=0).transpose(2, 3)
    )
    result = evaluate(found, predicted)
    whole = torch.full_like(found.target, torch.nan)
    whole[..., cells] = members.mean(0).transpose(1, 2).to(whole)
    result |= {
        "seconds": seconds,
        "spread": spread,
        "mean_weight": mean_weight,
        "whole_mae": of_errors("mae", (whole - found.target).numpy(force=True)),
    }
    physics = physics_of(network, window, grid, mean_weight, spread, sampler, transport)
    return result | physics


def physics_of(
    network: StepDiff,
    window: Window,
    grid: tuple[int, int],
    mean_weight: float,
    spread: tuple[float, ...],
    sampler: Sampler,
    transport: Transport | None = None,
) -> dict[str, float]:
    """Mean absolute residual over the lead hours of whole fields, ug m-3 an hour.

    Of the members and, with the same wind, diffusivity and sources, of the first guess.
    """
    history = network.config.history
    some = window.at(slice(0, None, max(1, len(window) // PHYSICS_WINDOWS)))
    drawn = drawn_fields(network, some, grid, PHYSICS_MEMBERS, sampler=sampler)
    base = some.guess[..., history:]
    flow = (transport or network.transport)(some.hour[:, history:-1])

    def left(field: Tensor) -> float:
        whole = field.clamp(min=0).transpose(1, 2).reshape(len(some), -1, *grid).float()
        return float(residual(whole, flow).abs().mean().detach())

    members = settled(drawn, base, mean_weight, torch.tensor(spread))
    return {
        "physics": sum(left(member) for member in members) / len(members),
        "physics_guess": left(base),
    }


def shipped(found: Bench, sampler: Sampler = DEFAULT_SAMPLER) -> dict[str, Any]:
    """Scores of the trained weights of a place."""
    about, network = stepcheckpoint.load(found.place.weights)
    here = replace(found, data=replace(found.data, scale=about.scale))
    return probable(here, network, about.spread_factor, about.mean_weight, sampler)


def alone(found: Bench, kind: str, config: StepTraining) -> dict[str, Any]:
    """Scores of a network that predicts one forecast, trained here on the same windows.

    Args:
        found: Where.
        kind: "DeepONet alone", "ConvLSTM" or "graph recurrent".
        config: How; by absolute error, stopped by that over the validation part.
    """
    grid, history = found.data.record.grid, SMALL.history
    torch.manual_seed(config.seed)
    network: nn.Module
    if kind == "DeepONet alone":
        whole = StepDiff(replace(SMALL, rows=grid[0], columns=grid[1]))
        network = whole

        def predict(window: Window) -> Tensor:
            return whole.operator(window, grid)

    else:
        network = Recurrent("convlstm" if kind == "ConvLSTM" else "graph")

        def predict(window: Window) -> Tensor:
            predicted: Tensor = network(window, grid)
            return predicted

    train_single(config, network, predict, found.data.training, found.data.validation, history)
    window = future_hidden(test_windows(found, SMALL), history)
    with torch.no_grad():
        predicted = predict(window)
    field = window.guess[..., history:] + found.data.scale * predicted
    return evaluate(found, field.clamp(min=0).transpose(1, 2)[None])


def as_released(found: Bench) -> dict[str, Any]:
    """What the released code's metric makes of the training mean, everywhere."""
    values = torch.tensor(found.city.values)
    known = values[values.isfinite()]
    target = found.target[found.target.isfinite()]
    constant = torch.full((1, len(target)), float(known.mean()), dtype=torch.float64)
    return asdict(published_scores(constant, target, float(known.mean()), float(known.std())))


def split(found: Bench) -> dict[str, Any]:
    """What was scored: grid, rows, windows, targets."""
    parts = found.data.parts
    return {
        "title": found.place.title,
        "grid": found.data.record.grid,
        "cells_visited": int(found.visited.sum()),
        "learn_rows": parts.learn,
        "validate_rows": parts.validate,
        "windows": len(found.begins),
        "first_lead_row": found.begins[0],
        "targets": int(found.target.isfinite().sum()),
        "scale": found.data.scale,
        "mean_of_targets": float(found.target[found.target.isfinite()].mean()),
    }
