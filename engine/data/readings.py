"""From rows of readings to a dataset: stations as (valid_time, station), samples as (sample).

Here local clocks become UTC, once; repeated rows are found; coordinates are checked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from engine.core.errors import DataError
from engine.core.schema import Period, check
from engine.core.variables import VARIABLES
from engine.data.calendar import Times, period_of, starts
from engine.data.cell_means import cell_means, several_stamps
from engine.data.dropped import DROPPED, as_text, total
from engine.data.options import plain_offset
from engine.data.tables import Clock, Table

MOVED = 0.1  # degrees; a station that moves so far is two, or a mistake


@dataclass(frozen=True)
class Readings:
    """Rows of one table, cleaned, in our units.

    Attributes:
        clock: Time of each row.
        station: Identifier of each row's station, or device; empty for none.
        name: Name of each row's station.
        latitude: Degrees north of each row, NaN where the table has none.
        longitude: Degrees east, likewise.
        values: Variables of the vocabulary, float32, each (row,).
        table: Where the rows come from.
        rows: Position of each row in the file's table.
    """

    clock: Clock
    station: NDArray[np.str_]
    name: NDArray[np.str_]
    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]
    values: Mapping[str, NDArray[np.float32]]
    table: Table
    rows: NDArray[np.intp]


@dataclass(frozen=True)
class Places:
    """Where stations lie, from a coordinates file: identifier → (latitude, longitude, name)."""

    by_station: Mapping[str, tuple[float, float, str]] = field(default_factory=dict)


def clock_offset(parts: Sequence[Readings], given: float | None, usual: float | None) -> float:
    """Hours that local clocks are ahead of UTC.

    Args:
        parts: The tables.
        given: What the user said.
        usual: What the form of the table is known to have.

    Raises:
        DataError: If nobody knows.
    """
    if given is not None:
        return given
    own = {p.clock.offset_hours for p in parts}
    if len(own) == 1 and (common := next(iter(own))) is not None:
        return common
    if usual is not None:
        return usual
    if all(p.clock.zoned for p in parts):
        return 0.0
    raise DataError(
        "its times have no time zone",
        where=next(p.table.where for p in parts if not p.clock.zoned),
        remedy="Give the clock's hours ahead of UTC: --utc-offset 8 for China, 0 for UTC",
    )


def to_utc(
    parts: Sequence[Readings], offset: float, period: Period | None, where: str
) -> tuple[Times, Times, Period]:
    """UTC starts of the periods of all rows, their exact local stamps, and the period."""
    shift = np.timedelta64(round(offset * 3600), "s").astype("timedelta64[ns]")
    local = np.concatenate([p.clock.stamps + (shift if p.clock.zoned else 0) for p in parts])
    found = period or period_of(local, where=where) or "hour"
    if found == "hour":
        end = [np.full(p.clock.stamps.size, int(p.clock.closes)) for p in parts]
        within = local - np.concatenate(end).astype("timedelta64[ns]")
        return within.astype("datetime64[h]").astype("datetime64[ns]") - shift, local, found
    return starts(local.astype("datetime64[D]"), found, offset), local, found


def stations_dataset(
    parts: Sequence[Readings],
    places: Places,
    *,
    offset: float,
    period: Period | None,
    attributes: Mapping[str, str],
    notes: Sequence[str],
    dropped: Mapping[str, int] | None = None,
) -> xr.Dataset:
    """The readings as `pm2p5(valid_time, station)` and whatever else was measured.

    Rows that say the same twice count once. Several stamps of one station in one period are
    averaged. Both are reported in attribute `notes`; rows left out, those `dropped` before with
    them, in attribute `dropped`.

    Raises:
        DataError: If a row contradicts another, or a station has no coordinates.
    """
    reported = list(notes)
    where = parts[0].table.where if len(parts) == 1 else f"{len(parts)} tables"
    valid_time, local, period = to_utc(parts, offset, period, where)
    station = np.concatenate([p.station for p in parts])
    stations, column = np.unique(station, return_inverse=True)
    instants, row = np.unique(valid_time, return_inverse=True)
    values = _joined(parts)
    keep = _without_repeats(parts, column, local, values["pm2p5"], reported)
    cells = row[keep] * len(stations) + column[keep]
    if several_stamps(cells, local[keep]):
        reported.append(f"Several readings of one station in one {period} were averaged.")
    dataset = xr.Dataset(
        coords={
            "valid_time": ("valid_time", instants),
            "station": ("station", stations.astype(object)),
            **_station_coordinates(parts, places, stations, column, reported),
        },
        attrs={
            "kind": "stations",
            "period": period,
            "utc_offset_hours": plain_offset(0 if period == "month" else offset),
            "synthetic": 0,
            **attributes,
        },
    )
    shape = (len(instants), len(stations))
    for name, numbers_ in values.items():
        mean = cell_means(cells, numbers_[keep], shape)
        if name == "pm2p5" or np.isfinite(mean).any():
            dataset[name] = (("valid_time", "station"), mean, variable_attributes(name))
    dataset.attrs["notes"] = "\n".join(dict.fromkeys(reported))
    repeated = {"repeated": len(local) - len(keep)}
    dataset.attrs[DROPPED] = as_text(total([dropped or {}, repeated]))
    return check(dataset, where=where)


def samples_dataset(
    parts: Sequence[Readings],
    *,
    offset: float,
    attributes: Mapping[str, str],
    notes: Sequence[str],
    dropped: Mapping[str, int] | None = None,
) -> xr.Dataset:
    """The readings as `pm2p5(sample)`, sorted by time; those without a value are left out.

    Raises:
        DataError: If a part of the contract is broken.
    """
    shift = np.timedelta64(round(offset * 3600), "s").astype("timedelta64[ns]")
    utc = np.concatenate([p.clock.stamps - (0 if p.clock.zoned else shift) for p in parts])
    reported = list(notes)
    pm2p5 = np.concatenate([p.values["pm2p5"] for p in parts])
    device = np.concatenate([p.station for p in parts])
    latitude = np.concatenate([p.latitude for p in parts])
    longitude = np.concatenate([p.longitude for p in parts])
    order = np.lexsort((device, longitude, latitude, utc))
    order = order[np.isfinite(pm2p5[order])]
    columns = [a[order] for a in (utc, latitude, longitude, device, pm2p5)]
    same = np.ones(max(len(order) - 1, 0), bool)
    for a in columns:
        same &= a[1:] == a[:-1]
    if same.any():
        reported.append(f"{int(same.sum())} rows that repeat another were left out.")
        columns = [a[np.concatenate([[True], ~same])] for a in columns]
    utc, latitude, longitude, device, pm2p5 = columns
    dataset = xr.Dataset(
        {"pm2p5": ("sample", pm2p5, variable_attributes("pm2p5"))},
        {
            "valid_time": ("sample", utc),
            "latitude": ("sample", latitude, {"units": "degrees_north"}),
            "longitude": ("sample", longitude, {"units": "degrees_east"}),
        },
        attrs={
            "kind": "mobile",
            "period": "hour",
            "utc_offset_hours": plain_offset(offset),
            "synthetic": 0,
            **attributes,
            "notes": "\n".join(dict.fromkeys(reported)),
            DROPPED: as_text(total([dropped or {}, {"repeated": int(same.sum())}])),
        },
    )
    if (device != "").any():
        dataset = dataset.assign_coords(device=("sample", device.astype(object)))
    return check(dataset, where=parts[0].table.where)


def variable_attributes(name: str) -> dict[str, str]:
    """Attributes of a variable of the vocabulary."""
    entry = VARIABLES[name]
    return {"units": entry.units, "long_name": entry.long_name}


def _joined(parts: Sequence[Readings]) -> dict[str, NDArray[np.float32]]:
    """Each variable over the rows of all parts, NaN where a part lacks it."""
    names = [n for n in VARIABLES if any(n in p.values for p in parts)]
    return {
        name: np.concatenate(
            [p.values.get(name, np.full(len(p.rows), np.nan, np.float32)) for p in parts]
        )
        for name in names
    }


def _without_repeats(
    parts: Sequence[Readings],
    station: NDArray[np.intp],
    local: Times,
    pm2p5: NDArray[np.float32],
    reported: list[str],
) -> NDArray[np.intp]:
    """Positions of the rows to keep.

    Raises:
        DataError: If two rows of one station and time have different values.
    """
    order = np.lexsort((local, station))
    if (np.diff(local) < np.timedelta64(0, "ns")).any() and len(np.unique(station)) == 1:
        reported.append("Times were not in order; sorted.")
    same = (np.diff(station[order]) == 0) & (np.diff(local[order]) == np.timedelta64(0, "ns"))
    both = np.isfinite(pm2p5[order][1:]) & np.isfinite(pm2p5[order][:-1])
    clash = same & both & ~np.isclose(pm2p5[order][1:], pm2p5[order][:-1], rtol=1e-5)
    if clash.any():
        first = int(np.argmax(clash))
        raise _clash(parts, sorted((int(order[first]), int(order[first + 1]))), pm2p5, local)
    repeated = np.zeros(len(local), bool)
    repeated[order[1:]] = same & both
    if repeated.any():
        reported.append(f"{int(repeated.sum())} rows that repeat another were left out.")
    return np.flatnonzero(~repeated)


def _clash(
    parts: Sequence[Readings], pair: list[int], pm2p5: NDArray[np.float32], local: Times
) -> DataError:
    sizes = np.cumsum([0, *(len(p.rows) for p in parts)])
    said = []
    for position in pair:
        index = int(np.searchsorted(sizes, position, side="right")) - 1
        part = parts[index]
        row = int(part.rows[position - sizes[index]]) + 2 + part.table.skipped
        said.append((row, part.table.where, f"{pm2p5[position]:g}"))
    index = int(np.searchsorted(sizes, pair[0], side="right")) - 1
    station = parts[index].station[pair[0] - sizes[index]]
    time = str(local[pair[0]])[:16]
    return DataError(
        "time {time} of station {station!r} is there twice: row {row} of {file} says {value} and "
        "row {other_row} of {other_file} says {other_value}",
        where=parts[index].table.where,
        remedy="Keep one of the two",
        time=time,
        station=str(station),
        row=said[0][0],
        file=said[0][1],
        value=said[0][2],
        other_row=said[1][0],
        other_file=said[1][1],
        other_value=said[1][2],
    )


def _station_coordinates(
    parts: Sequence[Readings],
    places: Places,
    stations: NDArray[np.str_],
    column: NDArray[np.intp],
    reported: list[str],
) -> dict[str, tuple[str, object, dict[str, str]]]:
    frame = pd.DataFrame(
        {
            "station": column,
            "latitude": np.concatenate([p.latitude for p in parts]),
            "longitude": np.concatenate([p.longitude for p in parts]),
            "name": np.concatenate([p.name for p in parts]),
        }
    )
    reported += _moved(frame, stations, places)
    first = frame.groupby("station", sort=True).agg(
        {"latitude": "median", "longitude": "median", "name": "first"}
    )
    latitude, longitude = (first[c].to_numpy(copy=True) for c in ("latitude", "longitude"))
    name = first["name"].to_numpy(dtype=object, copy=True)
    for index, station in enumerate(stations):
        if str(station) in places.by_station:
            latitude[index], longitude[index], called = places.by_station[str(station)]
            name[index] = called or name[index]
    missing = np.isnan(latitude) | np.isnan(longitude)
    if missing.any():
        raise DataError(
            "station {stations!r} has no coordinates",
            where=parts[0].table.where,
            remedy="Give --coordinates FILE, a CSV with columns station, latitude, longitude",
            stations=str(stations[np.argmax(missing)]),
        )
    named = np.where(name == "", stations.astype(object), name)
    return {
        "latitude": ("station", latitude, {"units": "degrees_north"}),
        "longitude": ("station", longitude, {"units": "degrees_east"}),
        "name": ("station", named, {}),
    }


def _moved(frame: pd.DataFrame, stations: NDArray[np.str_], places: Places) -> list[str]:
    """What is to be reported of stations whose rows name places far apart."""
    spread = frame.groupby("station", sort=True)[["latitude", "longitude"]].agg(["min", "max"])
    apart = [
        (spread[axis]["max"] - spread[axis]["min"]).to_numpy() for axis in ("latitude", "longitude")
    ]
    far = np.flatnonzero(np.fmax(*apart) > MOVED)
    names = [str(stations[i]) for i in far if str(stations[i]) not in places.by_station]
    if not names:
        return []
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return [f"Rows of one station name places more than {MOVED}° apart; took the median: {shown}."]
