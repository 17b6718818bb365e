"""The loss curve as a picture: a small SVG, so that no plotting library is needed."""

from collections.abc import Mapping, Sequence

WIDTH, HEIGHT, MARGIN = 640, 320, 48
SERIES = (
    ("training_loss", "#8a6d3b", "training loss"),
    ("validation_rmse", "#1f5f8b", "validation"),
    ("validation_crps", "#1f5f8b", "validation CRPS"),
)


def picture(curve: Sequence[Mapping[str, float | str]]) -> str:
    """Training loss and validation error of the second stage, each on its own scale, as SVG."""
    rows = [row for row in curve if row["stage"] == "whole"]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 10}" text-anchor="middle">step</text>',
    ]
    steps = [float(row["step"]) for row in rows]
    for i, (name, colour, label) in enumerate(SERIES):
        values = [float(row[name]) for row in rows if name in row]
        if len(values) < 2:
            continue
        low, high = min(values), max(values)
        points = " ".join(
            f"{_along(s, steps):.1f},{_up(v, low, high):.1f}"
            for s, v in zip(steps, values, strict=False)
        )
        parts += [
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>',
            f'<text x="{MARGIN + 200 * i}" y="20" fill="{colour}">{label} '
            f"{low:.4g} to {high:.4g}</text>",
        ]
    if steps:
        parts.append(f'<text x="{WIDTH - MARGIN}" y="{HEIGHT - 26}">{steps[-1]:.0f}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _along(step: float, steps: Sequence[float]) -> float:
    return MARGIN + (WIDTH - 2 * MARGIN) * step / max(steps[-1], 1.0)


def _up(value: float, low: float, high: float) -> float:
    share = (value - low) / (high - low) if high > low else 0.5
    return HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * share
