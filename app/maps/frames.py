"""Values of one map as few bytes: what the browser fetches for a day and keeps.

A raster travels as numbers, not as a picture, so that the browser can read the value under the
cursor and change colours without asking. Concentrations are kept to 0.1 ug m-3, which is finer
than any instrument, as 16-bit integers; differences between neighbours compress better than
values; low and high bytes apart compress better than together.

Layout, little-endian: the header `HEADER`, then `rows * columns` low bytes, as many high bytes,
then, if anything is missing, one bit a cell (1 = no data, most significant first). Each 16-bit
number is the zigzag-coded difference, modulo 65536, between a cell and what its neighbours
predict. The whole is one gzip member without a time stamp: equal values give equal bytes.

`frontend/codec.js` is the inverse; a browser test holds the two together.
"""

import gzip
import io
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.style.palette import Scale, colours, index

# magic, rows, columns, value of integer 0, integers per unit, predictor, has a mask
HEADER = struct.Struct("<4sIIffBBxx")
MAGIC = b"ALR1"
PER_UNIT = 10.0  # integers per ug m-3
LARGEST = 65535
LEFT, PLANE = 0, 1  # predictors
# Higher levels take three times as long for one hundredth fewer bytes.
GZIP_LEVEL = 6


def pack(values: NDArray[np.floating], *, per_unit: float = PER_UNIT) -> bytes:
    """Compressed bytes of an array, exact to half of 1/`per_unit`.

    Args:
        values: (rows, columns); NaN is no data.
        per_unit: Integers per unit. Lowered where the values span more than 16 bits would hold.

    Raises:
        ValueError: If the array has not two dimensions or no cell.
    """
    if values.ndim != 2 or values.size == 0:
        raise ValueError(f"a raster has rows and columns, not the shape {values.shape}")
    missing = ~np.isfinite(values)
    integers, offset, per_unit = _integers(values.astype(np.float64), missing, per_unit)
    coded, predictor = _smallest(integers)
    body = [coded.astype(np.uint8).tobytes(), (coded >> 8).astype(np.uint8).tobytes()]
    if missing.any():
        body.append(np.packbits(missing).tobytes())
    head = HEADER.pack(MAGIC, *values.shape, offset, per_unit, predictor, bool(missing.any()))
    return gzip.compress(b"".join([head, *body]), GZIP_LEVEL, mtime=0)


def unpack(packed: bytes) -> NDArray[np.float32]:
    """The array that `pack` was given, float32, (rows, columns), rounded as it was sent.

    Raises:
        ValueError: If these are not bytes that `pack` made.
    """
    raw = gzip.decompress(packed)
    magic, rows, columns, offset, per_unit, predictor, has_mask = HEADER.unpack_from(raw)
    if magic != MAGIC:
        raise ValueError("these bytes are no packed raster")
    size, start = rows * columns, HEADER.size
    planes = np.frombuffer(raw, np.uint8, 2 * size, start).reshape(2, rows, columns)
    coded = planes[0].astype(np.uint16) | planes[1].astype(np.uint16) << np.uint16(8)
    integers = _restore(_unzigzag(coded), predictor)
    values: NDArray[np.float32] = (offset + integers / per_unit).astype(np.float32)
    if has_mask:
        bits = np.frombuffer(raw, np.uint8, offset=start + 2 * size)
        values[np.unpackbits(bits, count=size).astype(bool).reshape(rows, columns)] = np.nan
    return values


def picture(
    values: NDArray[np.floating],
    scale: Scale,
    *,
    steps: bool = False,
    opacity: NDArray[np.floating] | None = None,
) -> bytes:
    """PNG of an array, a pixel a cell, no data transparent; a byte a pixel if nothing pales.

    For thumbnails and for maps without WebGL. Where nothing is, the palette is white under the
    transparency, so that a browser that blends neighbours shows no dark rim.
    """
    which = index(values, scale, steps=steps)
    palette = np.frombuffer(b"\xff\xff\xff" + colours(scale, steps=steps).tobytes(), np.uint8)
    buffer = io.BytesIO()
    if opacity is None:
        image = Image.fromarray(which, "P")
        image.putpalette(palette.tobytes())
        image.save(buffer, "PNG", transparency=0, compress_level=6)
    else:
        alpha = np.where(which > 0, (255 * opacity).round(), 0).astype(np.uint8)
        pixels = np.dstack([palette.reshape(-1, 3)[which], alpha])
        Image.fromarray(pixels, "RGBA").save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def mercator_y(latitude: NDArray[np.floating]) -> NDArray[np.float64]:
    """Height on a Mercator map, in radians of the equator."""
    y: NDArray[np.float64] = np.log(np.tan(np.pi / 4 + np.radians(latitude) / 2))
    return y


def mercator_rows(
    values: NDArray[np.floating], *, south: float, north: float
) -> NDArray[np.floating]:
    """Rows of a latitude grid taken at even steps of a Mercator map, nearest cell.

    Leaflet stretches a picture evenly between two latitudes, which is wrong by up to six fine
    cells over six degrees; with the rows taken this way it is right. Twice as many rows come
    out, so that no cell is lost where the map shrinks.

    Args:
        values: (rows, columns), row 0 in the north.
        south: Southern edge of the last row, degrees.
        north: Northern edge of the first row, degrees.
    """
    rows = values.shape[0]
    south, north = max(south, -85.0), min(north, 85.0)
    edges = mercator_y(np.array([north, south]))
    y = edges[0] + (np.arange(2 * rows) + 0.5) / (2 * rows) * (edges[1] - edges[0])
    latitude = np.degrees(2 * np.arctan(np.exp(y)) - np.pi / 2)
    taken = ((north - latitude) / (north - south) * rows).astype(np.intp)
    remapped: NDArray[np.floating] = values[np.clip(taken, 0, rows - 1)]
    return remapped


def _integers(
    values: NDArray[np.float64], missing: NDArray[np.bool_], per_unit: float
) -> tuple[NDArray[np.uint16], float, float]:
    """Values as integers above an offset; gaps take the value before them, which costs nothing."""
    if missing.all():
        return np.zeros(values.shape, np.uint16), 0.0, per_unit
    low, high = float(values[~missing].min()), float(values[~missing].max())
    offset = float(np.floor(low))
    per_unit = min(per_unit, LARGEST / max(high - offset, 1.0))
    # The header keeps float32: what is divided here must be what is multiplied there.
    per_unit = float(np.float32(per_unit))
    flat = np.where(missing, 0.0, (values - offset) * per_unit).round().clip(0, LARGEST).ravel()
    known = np.where(missing.ravel(), 0, np.arange(flat.size))
    np.maximum.accumulate(known, out=known)
    filled = flat[known].astype(np.uint16).reshape(values.shape)
    return filled, offset, per_unit


def _smallest(integers: NDArray[np.uint16]) -> tuple[NDArray[np.uint16], int]:
    """Coded differences under whichever predictor leaves less to say.

    Noisy maps are predicted best by the cell to the left, smooth ones by the plane through
    three neighbours.
    """
    left, plane = _zigzag(_differences(integers, LEFT)), _zigzag(_differences(integers, PLANE))
    if left.sum(dtype=np.int64) <= plane.sum(dtype=np.int64):
        return left, LEFT
    return plane, PLANE


def _differences(integers: NDArray[np.uint16], predictor: int) -> NDArray[np.uint16]:
    across = integers.copy()
    across[:, 1:] -= integers[:, :-1]
    if predictor == LEFT:
        across[1:, 0] -= integers[:-1, 0]
        return across
    both = across.copy()
    both[1:] -= across[:-1]
    return both


def _restore(differences: NDArray[np.uint16], predictor: int) -> NDArray[np.uint16]:
    if predictor == LEFT:
        out = differences.copy()
        out[:, 0] = np.cumsum(out[:, 0], dtype=np.uint16)
        return np.cumsum(out, axis=1, dtype=np.uint16)
    return np.cumsum(np.cumsum(differences, axis=0, dtype=np.uint16), axis=1, dtype=np.uint16)


def _zigzag(differences: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Small numbers for small differences of either sign: 0, −1, 1, −2 become 0, 1, 2, 3."""
    signed = differences.view(np.int16)
    coded: NDArray[np.uint16] = ((signed << 1) ^ (signed >> 15)).view(np.uint16)
    return coded


def _unzigzag(coded: NDArray[np.uint16]) -> NDArray[np.uint16]:
    sign = (~(coded & np.uint16(1)) + np.uint16(1)).astype(np.uint16)
    return ((coded >> np.uint16(1)) ^ sign).astype(np.uint16)
