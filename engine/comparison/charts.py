"""Pictures of a comparison: small SVG charts and PNG sheets of maps; no plotting library."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 90, 190, 30, 50
# Okabe and Ito's colours, which people with a colour-vision deficiency can distinguish, then greys.
COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000",
    "#777777", "#999933", "#882255", "#44AA99", "#AA4499", "#555555", "#332288",
)  # fmt: skip
# Five points of a perceptually even scale (viridis); between them, straight lines.
SCALE = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))
HEAT = ((255, 255, 240), (254, 217, 118), (253, 141, 60), (189, 0, 38), (80, 0, 20))
NOTHING = (225, 225, 225)
TILE, LABEL, COLUMNS = 240, 18, 4


class Line(NamedTuple):
    """A named series of a chart."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    dots: bool = False


class Axis(NamedTuple):
    """What runs along a side of a chart."""

    title: str
    logarithmic: bool = False
    reverse: bool = False


def chart(title: str, across: Axis, up: Axis, lines: Sequence[Line]) -> str:
    """Lines or dots as SVG, with a legend on the right."""
    xs = [_place(v, across) for line in lines for v in line.x]
    ys = [_place(v, up) for line in lines for v in line.y]
    if not xs:
        return _svg([f'<text x="20" y="40">{title}: nothing to show</text>'])
    box = (*_limits(xs), *_limits(ys))
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = [
        f'<text x="{LEFT}" y="18" font-weight="bold">{_plain(title)}</text>',
        f'<path d="M{LEFT},{TOP}V{bottom}H{right}" fill="none" stroke="black"/>',
        f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 10}" text-anchor="middle">'
        f"{_plain(across.title)}</text>",
        f'<text transform="translate(14,{(TOP + bottom) / 2}) rotate(-90)" text-anchor="middle">'
        f"{_plain(up.title)}</text>",
        *_ticks(across, box[:2], vertical=False),
        *_ticks(up, box[2:], vertical=True),
    ]
    for i, line in enumerate(lines):
        colour = COLOURS[i % len(COLOURS)]
        points = [
            _at(_place(x, across), _place(y, up), box, across.reverse)
            for x, y in zip(line.x, line.y, strict=True)
        ]
        if line.dots:
            parts += [
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>' for x, y in points
            ]
        else:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            parts.append(
                f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>'
            )
        row = TOP + 8 + 18 * i
        parts += [
            f'<rect x="{right + 14}" y="{row - 8}" width="14" height="8" fill="{colour}"/>',
            f'<text x="{right + 34}" y="{row}">{_plain(line.name)}</text>',
        ]
    return _svg(parts)


def sheet(
    path: Path,
    rows: Mapping[str, NDArray[np.floating]],
    *,
    high: float,
    low: float = 0.0,
    heat: bool = False,
) -> None:
    """Maps side by side, each with its name, as PNG; grey where there is no data.

    Args:
        path: Of the picture.
        rows: Name to map (rows, columns).
        high: Value of the last colour.
        low: Value of the first.
        heat: Colours of an error, pale where it is 0.
    """
    stops = np.array(HEAT if heat else SCALE, dtype=np.float64)
    maps = {name: _coloured(values, low, high, stops) for name, values in rows.items()}
    first = next(iter(maps.values()))
    size = (TILE, max(1, round(TILE * first.shape[0] / first.shape[1])))
    lines = -(-len(maps) // COLUMNS)
    cell = (size[0] + 8, size[1] + LABEL + 6)
    whole = Image.new("RGB", (cell[0] * min(COLUMNS, len(maps)), cell[1] * lines + 34), "white")
    pen, font = ImageDraw.Draw(whole), ImageFont.load_default()
    for i, (name, picture) in enumerate(maps.items()):
        corner = (cell[0] * (i % COLUMNS), cell[1] * (i // COLUMNS))
        pen.text((corner[0] + 2, corner[1] + 2), name, fill="black", font=font)
        small = Image.fromarray(picture).resize(size, Image.Resampling.BOX)
        whole.paste(small, (corner[0], corner[1] + LABEL))
    bar = _coloured(np.linspace(low, high, 200)[None].repeat(10, 0), low, high, stops)
    whole.paste(Image.fromarray(bar), (4, cell[1] * lines + 4))
    legend = f"{low:g} to {high:g} ug m-3; grey: no data"
    pen.text((212, cell[1] * lines + 2), legend, fill="black", font=font)
    whole.quantize(96).save(path, optimize=True)  # a third of the bytes, and no eye sees it


def _coloured(
    values: NDArray[np.floating], low: float, high: float, stops: NDArray[np.float64]
) -> NDArray[np.uint8]:
    share = np.clip((np.nan_to_num(values.astype(np.float64)) - low) / (high - low), 0, 1)
    place = share * (len(stops) - 1)
    below = np.minimum(place.astype(int), len(stops) - 2)
    rest = (place - below)[..., None]
    colour = stops[below] * (1 - rest) + stops[below + 1] * rest
    colour[~np.isfinite(values)] = NOTHING
    picture: NDArray[np.uint8] = colour.round().astype(np.uint8)
    return picture


def _place(value: float, axis: Axis) -> float:
    return math.log10(value) if axis.logarithmic else value


def _limits(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = 0.04 * (high - low) or max(abs(high), 1.0) * 0.1
    return low - margin, high + margin


def _at(
    x: float, y: float, box: tuple[float, float, float, float], reverse: bool
) -> tuple[float, float]:
    along = (x - box[0]) / (box[1] - box[0])
    along = 1 - along if reverse else along
    rise = (y - box[2]) / (box[3] - box[2])
    across = LEFT + along * (WIDTH - RIGHT - LEFT)
    return across, HEIGHT - BOTTOM - rise * (HEIGHT - BOTTOM - TOP)


def _ticks(axis: Axis, limits: tuple[float, float], *, vertical: bool) -> list[str]:
    parts = []
    for i in range(5):
        place = limits[0] + (limits[1] - limits[0]) * (i + 0.5) / 5
        value = 10**place if axis.logarithmic else place
        text = f"{value:.3g}"
        box = (*limits, 0.0, 1.0) if not vertical else (0.0, 1.0, *limits)
        x, y = _at(*((0.0, place) if vertical else (place, 0.0)), box, axis.reverse)
        anchor = 'text-anchor="end"' if vertical else 'text-anchor="middle"'
        at = (LEFT - 6, y + 4) if vertical else (x, HEIGHT - BOTTOM + 16)
        parts.append(f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" {anchor} fill="#444">{text}</text>')
    return parts


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _svg(parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    )
    return "\n".join([head, *parts, "</svg>"]) + "\n"
