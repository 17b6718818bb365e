"""How models are made ready: what each needs is imported, fitted or loaded when it is requested.

To list models, as the dashboard does in its sidebar, takes neither torch nor the seconds and the
200 MB that come with it; so the parts of a model are imported inside its function here.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from engine.core.errors import RequestError
from engine.core.grid import Grid
from engine.core.progress import Progress, Stop
from engine.core.schema import Kind
from engine.core.task import Recipe, TaskName
from engine.data.pairs import FACTOR
from engine.library import DatasetInfo
from engine.library.weights_table import weights_for

if TYPE_CHECKING:
    from torch import nn

    from engine.superresolution import climatology_ratios
    from engine.superresolution.networks.classical import Method
    from engine.superresolution.networks.regression import LocalRegression


@dataclass(frozen=True)
class Setting:
    """Where a model is about to be used: what a `build` function may look at.

    Attributes:
        about: Record of the dataset.
        dataset: The dataset, lazy. Only a model that is fitted here may read its training part.
        grid: The cells that the answer is wanted on.
        window: Rows and columns of the dataset's grid that these are; None if it has no grid.
        factor: Fine cells along a coarse cell's side.
        train_end: Last local date to learn from; None: the dataset's own.
        lead_times: Steps ahead, for forecasts.
        members: Possible courses, for probable forecasts.
        stations: Dataset of fixed stations that a forecast from vehicles uses as well; empty: none.
        wind: Dataset of stations whose wind it uses; empty: none.
        progress: Called while a model is fitted.
        cancelled: Looked at while a model is fitted.
    """

    about: DatasetInfo
    dataset: xr.Dataset
    grid: Grid | None = None
    window: tuple[slice, slice] | None = None
    factor: int = 8
    train_end: dt.date | None = None
    lead_times: int = 1
    members: int = 20
    stations: str = ""
    wind: str = ""
    progress: Progress | None = None
    cancelled: Stop | None = None


@dataclass(frozen=True)
class Model:
    """A model ready to run.

    Attributes:
        recipe: How data get in and out.
        network: What runs in between.
        weights: SHA-256 of its weights, or "none: " and why it has none.
        train_end: Last local date that it learned from; None if it learned nothing.
        note: What one should know of it here, in a sentence or two; empty for most.
    """

    recipe: Recipe
    network: "nn.Module"
    weights: str
    train_end: dt.date | None = None
    note: str = ""


@dataclass(frozen=True)
class Entry:
    """What is known of a model before it is built.

    Attributes:
        name: What requests say.
        task: What it does.
        kinds: Kinds of dataset it can start from.
        title: Name for people.
        summary: What it does, in one sentence.
        build: Makes it ready for a setting.
        version: Goes up when its answers change.
        halo: Coarse cells that it wants to see around what is requested, so that a map does not
            depend on where it was cut.
        card: Its model card, where it has one.
        weights: Folder of its weights, where it has one.
    """

    name: str
    task: TaskName
    kinds: tuple[Kind, ...]
    title: str
    summary: str
    build: Callable[[Setting], Model]
    version: str = "1"
    halo: int = 0
    card: Path | None = None
    weights: Path | None = None

    @property
    def kind(self) -> Kind:
        """The kind of dataset that it is mostly used with."""
        return self.kinds[0]


def interpolation(method: "Method") -> Callable[[Setting], Model]:
    """Builds an interpolation."""

    def build(setting: Setting) -> Model:
        from engine.superresolution.networks.classical import Interpolation
        from engine.superresolution.recipe import Classical

        return Model(
            Classical(), Interpolation(method, setting.factor), "none: interpolation learns nothing"
        )

    return build


def ratio(maps: "climatology_ratios.Map", method: "Method") -> Callable[[Setting], Model]:
    """Builds a climatological ratio times an interpolation; `maps` says of which map."""

    def build(setting: Setting) -> Model:
        from engine.superresolution.networks.classical import HistoricalRatio
        from engine.superresolution.recipe import Classical

        ratios = _ratios(setting)
        network = HistoricalRatio(ratios.maps(maps, *_window(setting)), method, setting.factor)
        return Model(Classical(), network, ratios.sha256, ratios.train_end)

    return build


def climatology(setting: Setting) -> Model:
    """The mean of the same months of the training part."""
    from engine.superresolution.networks.classical import Climatology
    from engine.superresolution.recipe import Classical

    ratios = _ratios(setting)
    network = Climatology(ratios.maps("climatology", *_window(setting)), setting.factor)
    return Model(Classical(), network, ratios.sha256, ratios.train_end)


def _ratios(setting: Setting) -> "climatology_ratios.History":
    from engine.superresolution import climatology_ratios

    return climatology_ratios.fitted(
        setting.dataset,
        setting.about,
        _window(setting),
        factor=setting.factor,
        train_end=setting.train_end,
        progress=setting.progress,
        cancelled=setting.cancelled,
    )


def _window(setting: Setting) -> tuple[slice, slice]:
    if setting.window is None:
        raise ValueError("a super-resolution model needs a window of a grid")
    return setting.window


def local_regression(setting: Setting) -> Model:
    """The climatological ratio, corrected by what the coarse map shows around; fitted once."""
    from engine.superresolution.recipe import Classical

    network, train_end, sha256 = _regression(setting)
    return Model(Classical(), network, sha256, train_end)


def _regression(setting: Setting) -> "tuple[LocalRegression, dt.date, str]":
    """What was learned of the dataset's past, for the window of the setting."""
    from engine.superresolution import regression_fit
    from engine.superresolution.networks.regression import LocalRegression

    if setting.factor != FACTOR:
        raise RequestError(
            "this model knows factor {factor} and not {factor_2}",
            remedy="Take --factor {factor}, or a model such as bicubic",
            factor=FACTOR,
            factor_2=setting.factor,
        )
    known = regression_fit.learned(
        setting.dataset,
        setting.about,
        train_end=setting.train_end,
        progress=setting.progress,
        cancelled=setting.cancelled,
    )
    return LocalRegression(known.climatology(*_window(setting))), known.train_end, known.sha256


def airstfm(setting: Setting) -> Model:
    """AirSTFM with the weights for a dataset, and the climatology that these need."""
    from engine.superresolution import weights as checkpoint
    from engine.superresolution.networks.regression import LocalRegression
    from engine.superresolution.recipe_airstfm import AirSTFMRecipe
    from engine.superresolution.static import of_weights

    if setting.factor != FACTOR:
        raise RequestError(
            "AirSTFM knows factor {factor} and not {factor_2}",
            remedy="Take --factor {factor}, or a model such as bicubic",
            factor=FACTOR,
            factor_2=setting.factor,
        )
    folder = weights_for(setting.about, "airstfm")
    about, network = checkpoint.load(folder)
    grid = setting.grid
    known = None if grid is None else checkpoint.climatology_of(folder, about, grid)
    ratios = None if known is None else LocalRegression(known)
    train_end = dt.date.fromisoformat(about.train_end)
    note = f"Weights trained on {about.trained_on}, {about.train_start} to {about.train_end}."
    if ratios is None and about.base == "regression":
        try:
            ratios, train_end, _ = _regression(setting)
        except RequestError as problem:
            # A short record or a large grid: the network does without the place's past.
            note += f" There is no climatology of this place: {problem.what}."
    without_climatology = ratios is None and about.base == "regression"
    guide = None if grid is None else of_weights(about.static_fields, grid, setting.dataset)
    correct = about.correct_without_climatology if without_climatology else about.correct
    seasons = () if without_climatology else about.season_factors
    factor = about.factor_without_climatology if without_climatology else about.error_factor
    largest = about.largest_errors
    if without_climatology:
        alone = about.largest_error_without_climatology
        largest = () if alone is None else (alone,)
    recipe = AirSTFMRecipe(about.mean, about.std, factor, ratios, guide, seasons, largest, correct)
    return Model(recipe, network, about.sha256, train_end, note)


def network(name: str, title: str) -> Callable[[Setting], Model]:
    """One of the networks that AirSTFM is compared with."""

    def build(setting: Setting) -> Model:
        from engine.core.task import Need, Task
        from engine.superresolution import weights as checkpoint
        from engine.superresolution.recipe import Learned

        if setting.factor != FACTOR:
            raise RequestError(
                "{title} knows factor {factor} and not {factor_2}",
                remedy="Take --factor {factor}, or a model such as bicubic",
                title=title,
                factor=FACTOR,
                factor_2=setting.factor,
            )
        about, network = checkpoint.load_network(weights_for(setting.about, name))
        half = int(about.network["frames"]) // 2  # type: ignore[arg-type]  # a whole number
        task = Task("super-resolution", (Need("grid", before=half, after=half),))
        train_end = dt.date.fromisoformat(about.train_end)
        note = f"Weights trained on {about.trained_on}, {about.train_start} to {about.train_end}."
        return Model(Learned(task, about.mean, about.std), network, about.sha256, train_end, note)

    return build


def idw(setting: Setting) -> Model:
    """Inverse distance."""
    from engine.stations.networks.knn import InverseDistance
    from engine.stations.recipe import InverseDistanceMap

    return Model(
        InverseDistanceMap(_grid(setting)), InverseDistance(), "none: inverse distance has none"
    )


def kriging(setting: Setting) -> Model:
    """Ordinary kriging."""
    from torch import nn

    from engine.stations.recipe import KrigingMap

    return Model(
        KrigingMap(_grid(setting)), nn.Identity(), "none: the variogram is fitted to the date"
    )


def aqnet(setting: Setting) -> Model:
    """AQ-Net with the weights for a network of stations."""
    from engine.stations import weights as stationcheckpoint
    from engine.stations.recipe_aqnet import AQNetMap

    data = setting.about
    about, network = stationcheckpoint.load(weights_for(data, "aqnet"))
    shape = network.config
    return Model(
        AQNetMap(_grid(setting), shape.lags, shape.others, about.factor, about.day_factor),
        network,
        about.sha256,
        # Of other places it learned nothing, whatever the date.
        dt.date.fromisoformat(about.train_end) if about.trained_on == data.source else None,
        f"Weights trained on {about.trained_on}, {about.train_start} to {about.train_end}.",
    )


def persistence(setting: Setting) -> Model:
    """What was last seen goes on."""
    from torch import nn

    from engine.forecast.recipe import Persistence

    return Model(Persistence(setting.lead_times), nn.Identity(), "none: persistence learns nothing")


def stepdiff(setting: Setting) -> Model:
    """STeP-Diff with the weights for a mobile dataset; the first guess is made from its own past.

    Raises:
        RequestError: If there is too little past to make a first guess from, or the network does
            not use the further data that it is given, or lacks them.
    """
    from engine.forecast import weights as stepcheckpoint
    from engine.forecast.recipe_stepdiff import StepDiffForecast, own_guess

    data = setting.about
    folder = weights_for(data, "stepdiff")
    about, network = stepcheckpoint.load(folder)
    stations = _beside("stations", setting.stations, used=network.config.stations)
    wind = _beside("wind", setting.wind, used=network.config.wind)
    home_grid = about.trained_on == data.source
    end = setting.train_end or (
        dt.date.fromisoformat(about.train_end) if home_grid else data.train_end
    )
    guess = own_guess(setting.dataset, end, about.covariance, name=data.name)
    share = 1.0 if home_grid else (guess.variance / about.variance) ** 0.5
    note = (
        f"Weights trained on {about.trained_on}, {about.train_start} to {about.train_end}. "
        "The physics in training is our reconstruction of what the paper's abstract states."
    )
    if not home_grid:
        note += " This is another place: its own past makes the first guess, not the weights."
    return Model(
        StepDiffForecast(
            guess,
            about.scale * share,
            about.spread_factor,
            setting.lead_times,
            setting.members,
            about.mean_weight,
            stations=stations,
            wind=wind,
        ),
        network,
        about.sha256,
        end,
        note,
    )


def _beside(what: str, name: str, *, used: bool) -> xr.Dataset | None:
    """A dataset that a network from vehicles reads as well; None where neither wants it."""
    from engine.library.stations import stations_named

    if used and not name and what == "wind":
        raise RequestError("these weights want wind", remedy="Name it: --wind DATASET")
    if name and not used:
        raise RequestError(
            "these weights do not use {value}",
            where=name,
            remedy="Train some that do: airlens train stepdiff --{value} {name} --data …",
            value=what,
            name=name,
        )
    return stations_named(name, f"--{what}")


def _grid(setting: Setting) -> Grid:
    if setting.grid is None:
        raise ValueError("a reanalysis needs a grid to be made on")
    return setting.grid
