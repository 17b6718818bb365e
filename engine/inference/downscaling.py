"""A coarse map made finer with a climatology, and merged with stations, for one date.

Two kinds of work that need no truth: *downscale* (a coarse dataset on its own grid) and *fuse* (any
map and stations). The third kind, *restore*, is the study of `engine.inference.run`.
"""

import datetime as dt
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
import xarray as xr

from engine import library
from engine.core import dates, regions
from engine.core.errors import RequestError
from engine.core.grid import Region
from engine.core.progress import Progress, Stop, report
from engine.core.schema import grid_of
from engine.data.options import plain_offset
from engine.inference.coarse_maps import Maps, open_maps
from engine.inference.fusing import Fused, Stations, Taught, fuse, teach
from engine.inference.request import Request
from engine.inference.sigma import Detail, choose_detail
from engine.library.static_fields import WORLD

MOST_KEPT = 64  # choices
_choices: OrderedDict[tuple[object, ...], tuple[Detail, Taught | None]] = OrderedDict()
_turn = threading.Lock()
EARLIER = {"hour": 30, "day": 60, "month": 24}  # dates before the one requested that teach


def downscale(
    request: Request,
    *,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> xr.Dataset:
    """The best fine map of a date, with its interval where there are stations.

    Returns:
        `coarse` on its own axes; `background` and `pm2p5` on (valid_time, latitude, longitude);
        with stations also `median`, `low`, `high` (the 90 % interval), `uncertainty` and
        `station_distance` in km, and at each station `observed` and `leave_one_out`. In ug m-3,
        with provenance as attributes; attribute `station_scores` is a table in JSON.

    Raises:
        EngineError: If it cannot be met; the message says what can.
        Cancelled: If `cancelled` said so.
    """
    started = time.perf_counter()
    report(progress, cancelled, 0.0, "opening the data")
    maps = open_maps(request)
    date = request.date.replace(day=1) if maps.period == "month" else request.date
    name = request.stations or (request.dataset if maps.coarse is None else "")
    stations, earlier = None, []
    if name:
        stations = Stations.opened(name, maps.grid, maps.period, request.hour)
        earlier = _teaching(maps, stations, date)
    report(progress, cancelled, 0.1, "choosing how detail is made")
    detail, taught = _kept(request, maps, stations, earlier, progress)
    report(progress, cancelled, 0.6, "computing the map")
    result = _result(maps, date, detail)
    fused: Fused | None = None
    if stations is not None:
        fused = fuse(maps, stations, earlier, date, detail, taught)
        result = fused.into(result)
    result = _inside(result, regions.resolve(request.region))
    report(progress, cancelled, 1.0, "done")
    seconds = time.perf_counter() - started
    result.attrs |= _provenance(request, maps, detail, fused, date, seconds)
    return result


def _teaching(maps: Maps, stations: Stations, date: dt.date) -> list[dt.date]:
    """Dates that teach: before the date's month, so that all its days are made alike.

    Where there are none, those before the date.
    """
    before = earlier_dates(maps, stations, date)
    month = date.replace(day=1)
    return ([day for day in before if day < month] or before)[-EARLIER[maps.period] :]


def _kept(
    request: Request,
    maps: Maps,
    stations: Stations | None,
    earlier: Sequence[dt.date],
    progress: Progress | None,
) -> tuple[Detail, Taught | None]:
    """How detail is made, and what the merging takes from earlier dates; once for equal inputs."""
    names = (request.dataset, request.climatology, request.stations, request.static)
    sums = tuple(library.info(n).checksum if n in library.names() else n for n in names)
    wanted = (request.model, request.region, request.hour, request.month)
    key = (sums, wanted, request.date.replace(day=1), tuple(earlier), str(maps.grid))
    with _turn:
        found = _choices.get(key)
    if found is not None:
        return found
    detail = choose_detail(maps, stations, earlier, request.model, progress=progress)
    taught = None if stations is None else teach(maps, stations, earlier, detail)
    with _turn:
        _choices[key] = detail, taught
        while len(_choices) > MOST_KEPT:
            _choices.popitem(last=False)
    return detail, taught


def earlier_dates(maps: Maps, stations: Stations, date: dt.date | None) -> list[dt.date]:
    """Dates that the coarse dataset and the stations share, before a date or all."""
    unit = "datetime64[M]" if maps.period == "month" else "datetime64[D]"
    there = stations.known_dates(unit)
    here = there
    if maps.coarse is not None:
        here = set(dates.local_dates(maps.coarse).astype(unit))
    both = sorted(here & there)
    if date is not None:
        wanted = np.datetime64(date, "D").astype(unit)
        both = [d for d in both if d < wanted]
    return [d.astype("datetime64[D]").item() for d in both]


def _result(maps: Maps, date: dt.date, detail: Detail) -> xr.Dataset:
    background = maps.background(date, detail).astype(np.float32)
    if not np.isfinite(background).any():
        raise RequestError(
            "the map has no value on {date} in the region",
            where=maps.about.name,
            remedy="Choose another date or region",
            date=date.isoformat(),
        )
    units = {"units": "ug m-3"}
    fine = ("valid_time", "latitude", "longitude")
    offset = 0.0 if maps.period == "month" else float(maps.about.utc_offset_hours)
    start = np.datetime64(date, "ns") - np.timedelta64(round(offset * 3600), "s")
    result = xr.Dataset(
        {
            "background": (fine, background[None], units),
            "pm2p5": (fine, background[None].copy(), units),
        },
        coords={
            "valid_time": [start + np.timedelta64(maps.hour or 0, "h")],
            "latitude": maps.grid.latitude,
            "longitude": maps.grid.longitude,
        },
        attrs={"kind": "grid", "period": maps.period, "utc_offset_hours": plain_offset(offset)},
    )
    if maps.coarse is None:
        return result
    box = grid_of(maps.coarse)
    rows, columns = box.window(maps.grid.bounds)
    coarse = maps.of(date)["pm2p5"].values[:, rows, columns]
    return result.assign_coords(
        coarse_latitude=box.latitude[rows], coarse_longitude=box.longitude[columns]
    ).assign(coarse=(("valid_time", "coarse_latitude", "coarse_longitude"), coarse, units))


def _inside(result: xr.Dataset, region: Region | None) -> xr.Dataset:
    """The result without what was computed around the region."""
    if region is None:
        return result
    rows, columns = grid_of(result).window(region)
    cut = result.isel(latitude=rows, longitude=columns)
    if "coarse" not in cut:
        return cut
    box = grid_of(cut).bounds
    lat, lon = cut["coarse_latitude"].values, cut["coarse_longitude"].values
    half = abs(float(lat[1] - lat[0])) / 2 if lat.size > 1 else 1.0
    return cut.isel(
        coarse_latitude=np.flatnonzero((lat > box.south - half) & (lat < box.north + half)),
        coarse_longitude=np.flatnonzero((lon > box.west - half) & (lon < box.east + half)),
    )


def _provenance(
    request: Request,
    maps: Maps,
    detail: Detail,
    fused: Fused | None,
    date: dt.date,
    seconds: float,
) -> dict[str, str | int | float]:
    names = (request.climatology, request.stations, request.static.replace(WORLD, ""))
    used = [maps.about, *(library.info(name) for name in names if name)]
    synthetic = any(about.synthetic for about in used)
    work = "fuse" if fused else "downscale"
    hour = {} if request.hour is None else {"hour": request.hour}
    states = {about.name: about.reference_state for about in used}
    known = {name: state for name, state in states.items() if state != "unknown"}
    mixed = len(set(known.values())) > 1
    scores = {"station_scores": json.dumps(fused.records)} if fused else {}
    return {
        "title": f"{'DEMO (synthetic data): ' if synthetic else ''}PM2.5, {work}, "
        f"{date.isoformat()}",
        "task": "downscaling",
        "work": work,
        "made_by": "prediction",
        "model": detail.method,
        "model_version": "1",
        "model_note": " ".join(filter(None, (detail.note, fused.note if fused else ""))),
        "choice": json.dumps(detail.as_record()),
        "weights_sha256": "",
        "dataset": request.dataset,
        "dataset_checksum": maps.about.checksum,
        "climatology": request.climatology,
        "stations_dataset": request.stations,
        "static_fields": request.static,
        "inputs": json.dumps({about.name: about.checksum for about in used}),
        "source": "; ".join(dict.fromkeys(about.source for about in used)),
        "licence": "; ".join(dict.fromkeys(about.licence for about in used)),
        "synthetic": int(synthetic),
        "reference_state": maps.about.reference_state,
        **({"reference_states_differ": json.dumps(known)} if mixed else {}),
        "sigma_degrees": round(detail.sigma, 4),
        "date": date.isoformat(),
        "region": request.region,
        "region_bounds": str(maps.grid.bounds),
        "seed": 0,
        "device": "cpu",
        "seconds": round(seconds, 4),
        "in_training_period": 0,
        "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "airlens_version": version("airlens"),
        **hour,
        **scores,
    }
