"""GeoTIFF: one map per band, the date in the file's name or the band's description.

A file in degrees is read as it is; one on another projection is warped to degrees, bilinearly,
and says so.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning, RasterioError, RasterioIOError
from rasterio.transform import Affine
from rasterio.warp import Resampling, reproject, transform_bounds
from rasterio.warp import transform as transform_points
from rasterio.windows import Window

from engine.core import size_limits
from engine.core.errors import DataError
from engine.core.grid import Grid
from engine.core.schema import Period
from engine.data import packing
from engine.data.calendar import Times, date_in_name
from engine.data.curvilinear import nice_step
from engine.data.placement import Map, Placement, regular
from engine.data.tiff_bands import Band, bands_of, chosen

STRIP_CELLS = 1_000_000  # read at once


@dataclass(frozen=True)
class Plan:
    """What one GeoTIFF holds.

    Attributes:
        path: The file.
        times: Of each band.
        period: What its name says the values are a mean over.
        units: Of the first band, or None.
        bands: Those to read; one for each time.
        others: Labels of the others.
        tags: The file's own words on itself.
        key: The same for files of the same geometry.
    """

    path: Path
    times: Times
    period: Period | None
    units: str | None
    bands: tuple[Band, ...]
    others: tuple[str, ...]
    tags: dict[str, str]
    key: bytes


def look(path: Path, variable: str | None = None) -> Plan:
    """What the file holds.

    Args:
        path: The file.
        variable: Number or description of the band that holds PM2.5.

    Raises:
        DataError: If it is damaged, says not where it lies, has bands without dates, or none that
            is the mean of PM2.5.
    """
    try:
        with _quiet(), rasterio.open(path) as file:
            if file.crs is None:
                raise DataError(
                    "it does not say where on Earth it lies (no coordinate reference system)",
                    where=path.name,
                    remedy="Assign one, for example with gdal_edit.py -a_srs EPSG:4326",
                )
            if file.transform.is_identity or file.transform.is_degenerate:
                raise DataError(
                    "it does not say where its cells lie (no geotransform)",
                    where=path.name,
                    remedy="Assign one, for example with gdal_edit.py -a_ullr",
                )
            if {ColorInterp.palette, ColorInterp.red} & set(file.colorinterp):
                raise DataError(
                    "it is a picture: its numbers are colours, not concentrations",
                    where=path.name,
                    remedy="Export the values themselves, as one band of numbers",
                )
            size_limits.CELLS.check(file.height * file.width, what="one map", where=path.name)
            size_limits.STEPS.check(file.count, what="the file", where=path.name)
            block = max(h * w for h, w in file.block_shapes) * 8
            size_limits.BYTES.check(block, what="one block of it", where=path.name)
            every = bands_of(file)
            bands = chosen(path, every, variable)
            times, period = _times(path, [b.description for b in bands])
            tags = {str(k): str(v) for k, v in file.tags().items()}
            others = tuple(b.label for b in every if b not in bands)
            key = f"{file.crs.to_wkt()}|{file.transform!r}|{file.shape}".encode()
            return Plan(path, times, period, bands[0].units, bands, others, tags, key)
    except (RasterioError, OSError, ValueError) as problem:
        raise _damaged(path, problem) from problem


@contextmanager
def _quiet() -> Iterator[None]:
    """No warning of the library: what it would say is refused in a sentence of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def maps(plan: Plan) -> Iterator[NDArray[np.generic]]:
    """The bands one by one, scaled, NaN where the file says no data.

    Raises:
        DataError: If the file is damaged.
    """
    try:
        with rasterio.open(plan.path) as file:
            for band in plan.bands:
                yield _values(file, band)
    except (RasterioError, OSError) as problem:
        raise _damaged(plan.path, problem) from problem


def _values(file: rasterio.DatasetReader, band: Band) -> NDArray[np.floating]:
    """One band, a strip of rows at a time, so that no further copy of the map is in memory."""
    kind = np.dtype(file.dtypes[band.number - 1])
    scale, offset = packing.scaling(band.tags)
    low, high = packing.limits(band.tags, integers=kind.kind in "iu", scale=scale, offset=offset)
    fills = packing.fills(band.tags, kind)
    plain = (scale, offset) == (1, 0) and kind == np.float32
    result = np.empty(file.shape, np.float32 if plain else np.float64)
    tall = max(file.block_shapes[band.number - 1][0], STRIP_CELLS // file.width, 1)
    for top in range(0, file.height, tall):
        rows = min(tall, file.height - top)
        raw = file.read(band.number, window=Window(0, top, file.width, rows), masked=True)
        values = np.ma.filled(raw.astype(np.float64) * scale + offset, np.nan)
        values[np.isin(raw.data, fills) | packing.outside(values, low, high)] = np.nan
        result[top : top + rows] = values
    return result


def placement(plan: Plan) -> Placement:
    """Where the file's cells lie on our grid; warped if it is not a plain grid in degrees."""
    with rasterio.open(plan.path) as file:
        crs, transform, rows, columns = file.crs, file.transform, file.height, file.width
        if crs.is_geographic and transform.b == 0 and transform.d == 0:
            latitude = transform.f + transform.e * (np.arange(rows) + 0.5)
            longitude = transform.c + transform.a * (np.arange(columns) + 0.5)
            return regular(latitude, longitude, where=plan.path.name)
        box = transform_bounds(crs, "EPSG:4326", *file.bounds)
        grid = _grid_over(box, _cell_degrees(file))
        size_limits.CELLS.check(
            grid.rows * grid.columns, what="the grid in degrees", where=plan.path.name
        )
    target = Affine(
        *(grid.step_lon, 0, grid.west - grid.step_lon / 2),
        *(0, -grid.step_lat, grid.north + grid.step_lat / 2),
    )

    def place(values: Map) -> Map:
        result = np.full(grid.shape, np.nan, np.float32)
        reproject(
            values,
            result,
            src_transform=transform,
            src_crs=crs,
            src_nodata=np.nan,
            dst_transform=target,
            dst_crs="EPSG:4326",
            dst_nodata=np.nan,
            resampling=Resampling.bilinear,
        )
        return result

    method = f"bilinear warp from {crs.to_string()[:60]} to {grid.step_lat:g}° (GDAL)"
    return Placement(grid, place, (f"Reprojected: {method}.",), method)


def _cell_degrees(file: rasterio.DatasetReader) -> float:
    """Height of the middle cell, in degrees of a great circle."""
    row, column = file.height // 2, file.width // 2
    ends = [file.xy(row, column, offset=edge) for edge in ("ul", "ll")]
    lon, lat = transform_points(file.crs, "EPSG:4326", *map(list, zip(*ends, strict=True)))
    east = (lon[1] - lon[0]) * np.cos(np.deg2rad(lat[0]))
    return float(np.hypot(lat[1] - lat[0], east))


def _grid_over(box: tuple[float, float, float, float], cell: float) -> Grid:
    """A grid of round steps, no coarser than the cells, centres on multiples of the step."""
    west, south, east, north = box
    step = nice_step(cell)
    top, bottom = np.floor(north / step), np.ceil(south / step)
    left, right = np.ceil(west / step), np.floor(east / step)
    return Grid(
        round(float(top * step), 6),
        round(float(left * step), 6),
        step,
        step,
        int(top - bottom) + 1,
        int(right - left) + 1,
    )


def _times(path: Path, descriptions: Sequence[str]) -> tuple[Times, Period | None]:
    named = date_in_name(path)
    if len(descriptions) == 1 and named is not None:
        return np.array([named.start]), named.period
    dates = [date_in_name(Path(text)) if text else None for text in descriptions]
    if all(d is not None for d in dates):
        return np.array([d.start for d in dates if d]), dates[0].period if dates[0] else None
    if len(descriptions) == 1:
        raise DataError(
            "no date is in its name",
            where=path.name,
            remedy="Rename it so that it ends in _YYYYMMDD (a day) or _YYYYMM (a month)",
        )
    raise DataError(
        "its {count} bands have no dates",
        where=path.name,
        remedy="Describe each band by its date (YYYY-MM-DD), or write one file a date",
        count=len(descriptions),
    )


def _damaged(path: Path, problem: Exception) -> DataError:
    return DataError(
        "the GeoTIFF cannot be read ({problem})"
        if isinstance(problem, RasterioIOError)
        else "the GeoTIFF is damaged ({problem})",
        where=path.name,
        remedy="Download or copy it again; its size should match the source's",
        problem=str(problem).splitlines()[0][:120],
    )
