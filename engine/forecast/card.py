"""The model card of STeP-Diff's weights."""

from engine.forecast.calibration import Calibration
from engine.forecast.networks.mobile_noise import WHITE
from engine.forecast.networks.stepdiff import StepDiff
from engine.forecast.train_steps import StepTraining
from engine.forecast.weights import StepCheckpoint
from engine.library import DatasetInfo


def card(
    about: StepCheckpoint,
    data: DatasetInfo,
    network: StepDiff,
    config: StepTraining,
    calibration: Calibration,
) -> str:
    """The model card in Markdown."""
    shape = network.config
    flow = network.transport
    rows = {
        "trained on": f"{about.trained_on} ({data.name})",
        "licence of the data": about.licence,
        "learned from": f"{about.train_start} to {about.train_end}",
        "stopped and calibrated by": f"dates to {about.validate_end}; nothing after was looked at",
        "grid": f"{shape.rows} × {shape.columns} cells of 0.01°; knows cells by their "
        + ("place, so it runs on other grids" if shape.places == "coordinates" else "number"),
        "window": f"{shape.history} h known, {shape.lead_times} h predicted; more by going on "
        "from each member's own end",
        "network": f"{sum(p.numel() for p in network.parameters()):,} parameters: denoiser of "
        f"{shape.blocks} blocks and {shape.channels} channels"
        + (", DeepONet" if shape.deeponet else ""),
        "learns": f"departures from a first guess (hour of day, cell, kriged anomaly of the "
        f"city), in units of {about.scale:.1f} µg/m³; {config.steps} steps of {config.batch}, "
        f"best at {about.steps}, seed {about.seed}",
        "physics": f"weight {about.physics:g}; diffusivity {flow.diffusivity.item():.2f} square "
        f"cells an hour, mean wind {flow.wind[0, 0].item():+.2f}, {flow.wind[1, 0].item():+.2f} "
        "cells an hour towards east and south",
        "noise": f"{shape.common:.0%} of its variance shared by the city, {shape.smooth:.0%} by "
        f"near cells; fades within {shape.memory:.0f} h"
        if shape.texture != WHITE
        else "independent",
        "reads beside vehicles": ", ".join(
            (
                *[f"fixed stations ({about.stations})"] * bool(about.stations),
                *[f"wind ({about.wind}); of the lead hours the last known"] * bool(about.wind),
            )
        )
        or "nothing",
        "validation": f"CRPS {calibration.crps:.2f} and MAE {calibration.mae:.2f} µg/m³ (the "
        f"first guess {calibration.guess_mae:.2f}); 90 % bands hold {calibration.coverage:.0%} "
        f"there; the spread is multiplied by {about.spread_factor[0]:.2f} an hour ahead and "
        f"{about.spread_factor[-1]:.2f} twelve; the members' mean departure from the first guess "
        f"has weight {about.mean_weight:.0%}: what "
        "the days of validation make sure of",
    }
    return "\n".join(
        [
            f"# STeP-Diff weights: {data.name}",
            "",
            *(["**Synthetic data**: these weights know a simulated city.", ""] * about.synthetic),
            "Probable PM2.5 of a city's next hours, from what vehicles measured in those before.",
            "",
            "**The physics is our reconstruction** of what the paper's abstract states: its "
            "equations could not be had, and the released code holds no residual of a differential "
            "equation.",
            "",
            "| | |",
            "|---|---|",
            *(f"| {name} | {value} |" for name, value in rows.items()),
            "",
            "**Where not to believe it.** In weather that its training weeks had not: bands are "
            "right on average over the validation part and too narrow when the season turns. In "
            "cells that no vehicle visited: what it says there is the city's level. In another "
            "city it knows only what a departure from the hour-of-day mean usually does next.",
            "",
            "Source: Zhou et al. 2025, arXiv:2512.04385. Departures are listed in "
            "`engine/forecast/networks/stepdiff.py`; scores in `docs/results/stepdiff.md`.",
            "",
        ]
    )
