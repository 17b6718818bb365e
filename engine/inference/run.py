"""From a request to a map: the whole flow for every model there is.

`predict` answers one request. `open_run` keeps dataset and model open, to answer many dates.
"""

import datetime as dt
import time
from dataclasses import dataclass, replace
from importlib.metadata import version

import torch
import xarray as xr

from engine import library
from engine.core import dates, regions
from engine.core.errors import RequestError
from engine.core.grid import Region
from engine.core.progress import Progress, Stop, part, report
from engine.core.schema import Kind, grid_of
from engine.inference import catalogue, model_inputs
from engine.inference.catalogue import Entry, Model, Setting
from engine.inference.downscaling import downscale
from engine.inference.request import LEAD_TIMES, Device, Request
from engine.library import DatasetInfo

UNITS = {"units": "ug m-3"}


@dataclass(frozen=True)
class Run:
    """A dataset and a model that are open, for one region. Immutable; may be used by threads.

    Attributes:
        request: What it was opened for; its date is only the first that may be requested.
        entry: The model's entry.
        about: The dataset's record.
        dataset: The dataset; for forecasts and maps from stations already cut to the region.
        model: The model, built for the region.
        device: Where it runs.
        region: The region, or None for all.
        window: The part of the grid, for super-resolution.
    """

    request: Request
    entry: Entry
    about: DatasetInfo
    dataset: xr.Dataset
    model: Model
    device: torch.device
    region: Region | None
    window: model_inputs.Window | None

    def predict(self, date: dt.date) -> xr.Dataset:
        """The answer for a local date, with provenance.

        Raises:
            EngineError: If the date cannot be answered.
        """
        started = time.perf_counter()
        if self.about.period == "month":
            date = date.replace(day=1)
        by_task = {
            "super-resolution": self._fine_map,
            "reanalysis": self._station_map,
            "forecast": self._forecast,
        }
        result = by_task[self.entry.task](date)
        result.attrs |= self._provenance(date, time.perf_counter() - started)
        return result

    def _fine_map(self, date: dt.date) -> xr.Dataset:
        if self.window is None:
            raise ValueError("a super-resolution run needs a window")
        request, factor = self.request, self.request.factor
        pair, target = model_inputs.pair(
            self.dataset,
            date,
            self.window,
            self.model.recipe.task.needs[0],
            factor=factor,
            hour=request.hour,
            name=request.dataset,
        )
        result = self._run({"grid": pair})
        rows, columns = model_inputs.inner_of(self.window)
        result = result.isel(
            latitude=rows,
            longitude=columns,
            coarse_latitude=slice(rows.start // factor, rows.stop // factor),
            coarse_longitude=slice(columns.start // factor, columns.stop // factor),
        )
        known = target.values[None]
        fine = result["pm2p5"]
        result["target"] = (fine.dims, known, UNITS)
        result["error"] = (fine.dims, fine.values - known, UNITS)
        return result

    def _station_map(self, date: dt.date) -> xr.Dataset:
        need, requested = self.model.recipe.task.needs[0], self.request
        if need.before or need.after:
            stations = model_inputs.stations_around(
                self.dataset, date, need, hour=requested.hour, name=requested.dataset
            )
        else:
            stations = dates.on(self.dataset, date, hour=requested.hour, name=requested.dataset)
        return self._run({"stations": stations})

    def _forecast(self, date: dt.date) -> xr.Dataset:
        name, leads = self.request.dataset, self.model.recipe.task.lead_times
        back = self.model.recipe.task.needs[0].before
        climatology = model_inputs.recent(
            self.dataset, date, self.request.hour, name=name, back=back
        )
        result = self._run({self.about.kind: climatology})
        target = model_inputs.later(self.dataset, climatology["valid_time"].values[-1], leads)
        if target is not None:
            dims = result["pm2p5"].dims[1:]
            result["target"] = (dims, target.values, UNITS)
            result["error"] = (
                result["pm2p5"].dims,
                result["pm2p5"].values - target.values,
                UNITS,
            )
        return result

    def _run(self, given: dict[Kind, xr.Dataset]) -> xr.Dataset:
        recipe = self.model.recipe
        generator = torch.Generator(self.device).manual_seed(self.request.seed)
        with torch.inference_mode():
            tensors = {
                name: tensor.to(self.device) for name, tensor in recipe.prepare(given).items()
            }
            output = recipe.run(self.model.network, tensors, generator)
            return recipe.restore(output, given)

    def _provenance(self, date: dt.date, seconds: float) -> dict[str, str | int | float]:
        request, about, model = self.request, self.about, self.model
        learned = {"training_end": model.train_end.isoformat()} if model.train_end else {}
        hour = {} if request.hour is None else {"hour": request.hour}
        beside = {"stations_dataset": request.stations, "wind_dataset": request.wind}
        note = {"model_note": model.note} if model.note else {}
        box = str(self.region) if self.region else "all of the dataset"
        return {
            "title": f"{'DEMO (synthetic data): ' if about.synthetic else ''}"
            f"PM2.5, {self.entry.title}, {date.isoformat()}",
            "task": self.entry.task,
            "made_by": "prediction",
            "model": self.entry.name,
            "model_version": self.entry.version,
            "weights_sha256": model.weights,
            "dataset": about.name,
            "dataset_checksum": about.checksum,
            "source": about.source,
            "licence": about.licence,
            "synthetic": int(about.synthetic),
            "date": date.isoformat(),
            "region": request.region,
            "region_bounds": box,
            "seed": request.seed,
            "device": str(self.device),
            "seconds": round(seconds, 4),
            "in_training_period": int(model.train_end is not None and date <= model.train_end),
            "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "airlens_version": version("airlens"),
            **learned,
            **hour,
            **{name: given for name, given in beside.items() if given},
            **note,
        }


def predict(
    request: Request, *, progress: Progress | None = None, cancelled: Stop | None = None
) -> xr.Dataset:
    """The answer to a request.

    Returns:
        For super-resolution `coarse`, `pm2p5`, `target`, `error` on (valid_time, latitude,
        longitude), coarse ones on their own axes; for reanalysis `pm2p5` and, at each station,
        `observed` and `leave_one_out`, with `station_distance` in km; for forecasts `pm2p5` on
        (realization, lead_time, place), with `target` and `error` where they are known. In
        ug m-3, with `uncertainty` (a standard deviation) where the model has one, and provenance
        as attributes. To downscale or to fuse: see `engine.inference.downscaling.downscale`.

    Raises:
        EngineError: If it cannot be met; the message says what can.
        Cancelled: If `cancelled` said so.
    """
    if request.work != "restore":
        return downscale(request, progress=progress, cancelled=cancelled)
    run = open_run(request, progress=part(progress, 0.0, 0.6), cancelled=cancelled)
    report(progress, cancelled, 0.6, "computing the map")
    result = run.predict(request.date)
    report(progress, cancelled, 1.0, "done")
    return result


def open_run(
    request: Request,
    *,
    maps: bool = True,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> Run:
    """Dataset and model of a request, ready for any of its dates.

    Args:
        request: What to open.
        maps: Whether maps from stations are wanted, or only what is left out at each.
        progress: Called while a model is fitted.
        cancelled: Looked at while a model is fitted.

    Raises:
        EngineError: If dataset, model and region do not go together.
        Cancelled: If `cancelled` said so while a model was fitted.
    """
    report(progress, cancelled, 0.0, "opening the data")
    entry = catalogue.find(request.model)
    about = library.info(request.dataset)
    catalogue.check_kind(entry, about)
    if (request.stations or request.wind) and entry.kinds != ("mobile",):
        raise RequestError(
            "{name} uses neither fixed stations nor wind beside its dataset",
            remedy="Leave them out, or choose stepdiff",
            name=entry.name,
        )
    region = regions.resolve(request.region)
    device = device_of(request.device)
    dataset = library.open_dataset(request.dataset)
    setting = Setting(
        about,
        dataset,
        factor=request.factor,
        train_end=request.train_end,
        lead_times=request.lead_times or LEAD_TIMES[about.period],
        members=request.members,
        stations=request.stations,
        wind=request.wind,
        progress=progress,
        cancelled=cancelled,
    )
    where = None
    if entry.task == "super-resolution":
        grid = grid_of(dataset)
        where = model_inputs.window(grid, region, factor=request.factor, halo=entry.halo)
        seen = (where.seen_rows, where.seen_columns)
        setting = replace(setting, grid=grid.crop(*seen), window=seen)
    elif entry.task == "reanalysis":
        dataset = model_inputs.stations_in(dataset, region, name=request.dataset)
        grid = (
            model_inputs.map_grid(dataset, region, request.resolution)
            if maps
            else model_inputs.around(dataset, 2)
        )
        setting = replace(setting, dataset=dataset, grid=grid)
    else:
        dataset = model_inputs.as_series(dataset, region, name=request.dataset)
        setting = replace(
            setting,
            dataset=dataset,
            lead_times=request.lead_times or LEAD_TIMES[dataset.attrs["period"]],
        )
    model = entry.build(setting)
    model.network.to(device).eval()
    report(progress, cancelled, 1.0, "ready")
    return Run(request, entry, about, dataset, model, device, region, where)


def device_of(wish: Device) -> torch.device:
    """The device that a request means.

    Raises:
        RequestError: If CUDA is requested and there is none.
    """
    if wish == "cuda" and not torch.cuda.is_available():
        raise RequestError(
            "there is no CUDA device", remedy="Choose --device cpu, or auto to take what is there"
        )
    return torch.device("cuda" if wish != "cpu" and torch.cuda.is_available() else "cpu")
