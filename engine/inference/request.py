"""What is wanted of the engine, without torch: a page builds it before any model is loaded."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from engine.core import regions
from engine.core.errors import RequestError
from engine.data import pairs

Device = Literal["auto", "cpu", "cuda"]
Work = Literal["restore", "downscale", "fuse"]

# How a coarse map is made finer; "auto" chooses.
METHODS = ("auto", "area", "topographic", "ratio", "climatology")

# Steps ahead where a request does not say: a day of hours, the next days, the next months.
LEAD_TIMES = {"hour": 24, "day": 3, "month": 3}


@dataclass(frozen=True)
class Request:
    """What is requested. Equal requests have equal answers, but for the time they took.

    Three kinds of work: *restore* (block means of a fine dataset become fine again, a study; also
    maps from stations alone, and forecasts), *downscale* (a coarse dataset becomes finer) and
    *fuse* (any map and stations).

    Attributes:
        dataset: Name in the library.
        date: Local date; for monthly data any day of the month.
        region: Name, `W,S,E,N`, or "all".
        model: Name in the catalogue; or one of `METHODS`, to downscale or to fuse.
        seed: Of whatever is random in the model.
        device: "auto" is CUDA where there is one.
        hour: Local hour, for hourly data. None: the daily mean; for forecasts, the last hour.
        factor: Fine cells along a coarse cell's side (super-resolution).
        train_end: Last local date to learn from; None: the dataset's own.
        resolution: Degrees between cells of a map made from stations; None: by its extent.
        lead_times: Steps ahead (forecast); None: a day of hours, three days, three months.
        members: Possible courses that a probable forecast draws.
        stations: Dataset of stations: to merge into a map and to judge it by; or those that a
            forecast from vehicles uses as well. Empty: none.
        wind: Dataset of stations whose wind a forecast uses; empty: none.
        climatology: A fine dataset of other dates, by which a coarse one is made finer; empty:
            none.
        static: Static fields of the library, or "world", for the method topographic; empty: none.
        month: Whether the mean of the date's month is wanted, of daily data too (downscale, fuse).
    """

    dataset: str
    date: dt.date
    region: str = regions.WHOLE
    model: str = "bicubic"
    seed: int = 0
    device: Device = "auto"
    hour: int | None = None
    factor: int = pairs.FACTOR
    train_end: dt.date | None = None
    resolution: float | None = None
    lead_times: int | None = None
    members: int = 20
    stations: str = ""
    wind: str = ""
    climatology: str = ""
    static: str = ""
    month: bool = False

    @property
    def work(self) -> Work:
        """Which kind of work is requested."""
        if self.model not in METHODS and not self.climatology:
            return "restore"
        return "fuse" if self.stations else "downscale"

    def __post_init__(self) -> None:
        """Refuse what no dataset could meet.

        Raises:
            RequestError: With the value and what may be chosen.
        """
        if self.device not in ("auto", "cpu", "cuda"):
            raise RequestError(
                "no device is called {device!r}",
                remedy="Choose auto, cpu or cuda",
                device=self.device,
            )
        self._check_work()
        if self.hour is not None and not 0 <= self.hour <= 23:
            raise RequestError("a day has no hour {hour}", remedy="Choose 0 to 23", hour=self.hour)
        if not 2 <= self.factor <= 64:
            raise RequestError(
                "factor {factor} is not between 2 and 64", remedy="Take 8", factor=self.factor
            )
        if self.lead_times is not None and not 1 <= self.lead_times <= 168:
            raise RequestError(
                "{lead_times} lead times are not between 1 and 168", lead_times=self.lead_times
            )
        if not 1 <= self.members <= 100:
            raise RequestError(
                "{members} members are not between 1 and 100",
                remedy="Take 20",
                members=self.members,
            )
        if not 0 <= self.seed < 2**63:
            raise RequestError(
                "seed {seed} is negative or too large", remedy="Take 0", seed=self.seed
            )

    def _check_work(self) -> None:
        if self.model == "topographic" and not self.static:
            raise RequestError(
                "topographic needs the height of the land",
                remedy="Name it with --static; world is what ships",
            )
        if self.climatology and self.model not in METHODS:
            raise RequestError(
                "{method!r} makes no coarse dataset finer",
                remedy="Choose from {methods}; networks restore fine datasets, without "
                "--climatology",
                method=self.model,
                methods=METHODS,
            )
        if self.model in ("ratio", "climatology") and not self.climatology:
            raise RequestError(
                "{method} needs a fine dataset of other dates",
                remedy="Name one with --climatology",
                method=self.model,
            )
